-- What time is it at least, for every account? No account is behind the clock of its partition; one without is at 1970.
CREATE OR REPLACE VIEW slowest_clock
(
    time DateTime64(3, 'UTC') COMMENT 'no account is behind it'
)
AS SELECT min(clocks.time) AS time
FROM (SELECT DISTINCT kafka_partition FROM balances) AS partitions
LEFT JOIN (SELECT kafka_partition, time FROM clocks FINAL) AS clocks USING (kafka_partition)
COMMENT 'the earliest present of all accounts: what is older by a window is past for each of them';
