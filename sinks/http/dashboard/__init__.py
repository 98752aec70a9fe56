"""The dashboard: a page for the operator, one for each account, a playground, and what they ask beyond the API."""
