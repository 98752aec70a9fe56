"""What could be saved (PD-25): pure functions from what was measured to suggestions; `rules.toml` says when."""
