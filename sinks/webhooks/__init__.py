"""Webhooks: notices and commands are posted to receivers, signed."""
