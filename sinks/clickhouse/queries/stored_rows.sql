-- How many rows does each table hold, twins that are not yet merged included? Costs nothing to ask.
SELECT name, total_rows FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_versions' ORDER BY name
