-- What keeps answers quick over years of history: the zone of each account, and which parts hold which days.

-- The zone of an account is that of its newest day.
CREATE TABLE IF NOT EXISTS account_zones
(
    account String COMMENT 'account id',
    start DateTime64(3, 'UTC') COMMENT 'begin of the newest day that has a cost',
    zone LowCardinality(String) COMMENT 'zone of the account where the record of that day names it'
)
ENGINE = ReplacingMergeTree(start)
ORDER BY account
COMMENT 'the time zone of each account; read with FINAL';

CREATE MATERIALIZED VIEW IF NOT EXISTS account_zones_of_days TO account_zones AS
SELECT account, max(daily_costs.start) AS start, argMax(daily_costs.zone, daily_costs.start) AS zone
FROM daily_costs
GROUP BY account
COMMENT 'writes account_zones as days come in';

INSERT INTO account_zones
SELECT account, max(daily_costs.start) AS start, argMax(daily_costs.zone, daily_costs.start) AS zone
FROM daily_costs
GROUP BY account;

-- A day is no column of the key, and a part holds one month.
ALTER TABLE daily_costs ADD INDEX IF NOT EXISTS by_day day TYPE minmax GRANULARITY 1;
ALTER TABLE daily_costs MATERIALIZE INDEX by_day;
