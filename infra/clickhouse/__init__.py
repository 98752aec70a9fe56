"""ClickHouse on this machine, without Docker: the engine of chDB behind ClickHouse's own HTTP interface.

`statement` reads a statement just far enough to run it, `engine` runs it, `server` speaks HTTP.
"""
