-- Which accounts burn most, and which run dry first? An account that owes is at 0 hours.
CREATE OR REPLACE VIEW accounts_overview
(
    account String COMMENT 'account id',
    profile String COMMENT 'provider profile',
    balance Decimal(38, 12) COMMENT 'after the last posting, in currency',
    currency String COMMENT 'ISO 4217',
    month_to_date Decimal(76, 12) COMMENT 'cost of the present month of its calendar',
    burn_per_hour Decimal(76, 12) COMMENT 'present spend an hour',
    runway_hours Nullable(Decimal(38, 1)) COMMENT 'how long the balance lasts at that; NULL while nothing is spent',
    now DateTime64(3, 'UTC') COMMENT 'the present of the account'
)
AS SELECT
    clocks.account AS account, clocks.profile AS profile, clocks.balance AS balance, clocks.currency AS currency,
    months.amount AS month_to_date,
    burn.per_hour AS burn_per_hour,
    if(
        burn.per_hour > 0,
        CAST(least(
            divideDecimal(greatest(toDecimal256(clocks.balance, 12), 0), if(burn.per_hour > 0, burn.per_hour, 1), 1),
            toDecimal256(1000000000, 1)), 'Decimal(38, 1)'),
        NULL) AS runway_hours,
    clocks.now AS now
FROM account_clocks AS clocks
LEFT JOIN burn_now AS burn ON clocks.account = burn.account
-- No account's calendar is more than a day behind UTC's.
LEFT JOIN (SELECT account, month, amount FROM month_spend
    WHERE month >= toStartOfMonth((SELECT time FROM slowest_clock) - INTERVAL 1 DAY)) AS months
    ON clocks.account = months.account AND toStartOfMonth(clocks.today) = months.month
COMMENT 'each account with balance, spend, burn and runway';
