"""The HTTP service: accounts, costs and mails to look at, and whether all is well."""
