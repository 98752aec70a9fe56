"""Errors of the engine: a broken promise ends the process before anything is acknowledged."""


class BrokenInvariant(Exception):
    """Something that cannot be has been; the worker stops without acknowledging, nothing is billed on top of it."""
