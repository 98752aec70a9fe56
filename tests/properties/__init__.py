"""Laws: what holds for every story."""
