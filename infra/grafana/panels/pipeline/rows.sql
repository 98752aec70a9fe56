-- Rows of each table, twins that are not yet merged included, and what they take on disk.
SELECT name, total_rows AS rows, total_bytes AS bytes
FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY bytes DESC
