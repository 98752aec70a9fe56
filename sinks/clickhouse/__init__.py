"""ClickHouse: the writer that lands every output topic in a table, the schema, and the queries of reports."""
