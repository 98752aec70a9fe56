"""Everything here needs real servers; the fixtures are those of `tests/conftest.py`."""
