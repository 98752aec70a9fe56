"""What programs that use meterstream import: the client that sends events. Needs httpx and nothing else of this tree."""
