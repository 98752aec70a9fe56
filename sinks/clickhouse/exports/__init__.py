"""What leaves ClickHouse as a file: FOCUS, CSV, Parquet, beancount; each read once, in constant memory.

A statement is a file beside this one. Every one reads `FINAL`, selects by the time at which a line fell due,
[`from`, `to`), and gives rows account by account.
"""
