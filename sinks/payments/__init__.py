"""Money from payment providers: their webhooks as events, checkouts, and auto-refills charged to a saved card."""
