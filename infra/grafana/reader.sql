-- The user of dashboards and analysts: reads this namespace's database and changes nothing, not even settings that matter.
-- Replace the password; run once by an administrator of ClickHouse (the engine of one machine has a single user).
CREATE USER IF NOT EXISTS meterstream_reader IDENTIFIED BY 'change-me' SETTINGS readonly = 2, max_execution_time = 60;
GRANT SELECT ON meterstream.* TO meterstream_reader;
