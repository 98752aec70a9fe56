-- What time is it for an account? No account is behind the clock of its partition, nor behind its own last posting.
-- `now` is what history that is played back has instead of the wall clock.
CREATE OR REPLACE VIEW account_clocks
(
    account String COMMENT 'account id',
    profile String COMMENT 'provider profile',
    balance Decimal(38, 12) COMMENT 'after the last posting, in currency',
    currency String COMMENT 'ISO 4217',
    zone String COMMENT 'time zone of the account; UTC while it has cost nothing',
    now DateTime64(3, 'UTC') COMMENT 'the present for this account',
    today Date COMMENT 'the day on its calendar'
)
AS SELECT
    account, profile, balance, currency,
    if(known_zone = '', 'UTC', known_zone) AS zone,
    greatest(balances.time, clocks.time) AS now,
    toDate(formatDateTime(now, '%F', zone)) AS today
FROM (SELECT account, profile, balance, currency, time, kafka_partition FROM balances FINAL) AS balances
LEFT JOIN (SELECT kafka_partition, time FROM clocks FINAL) AS clocks USING (kafka_partition)
LEFT JOIN (SELECT account, zone AS known_zone FROM account_zones FINAL) AS zones USING (account)
SETTINGS allow_nonconst_timezone_arguments = 1
COMMENT 'the present of each account';
