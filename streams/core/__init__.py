"""The pure engine: what an account owes, as a fold over its events.

No clock, no random, no environment, no file, no log, no float (tests/core/test_purity.py). The story of an
event, by the first line of each module: `head -qn1 streams/core/*.py | sort`.
"""
