"""Sending files of events to the input topics: `files` reads and checks them, `sender` sends them in their order."""
