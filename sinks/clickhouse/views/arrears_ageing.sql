-- Who owes, how much, and for how long? Arrears begin with the posting that took the balance below zero.
CREATE OR REPLACE VIEW arrears_ageing
(
    account String COMMENT 'account id',
    owed Decimal(38, 12) COMMENT 'in currency, above 0',
    currency String COMMENT 'ISO 4217',
    since DateTime64(3, 'UTC') COMMENT 'when the balance fell below zero and stayed there',
    days Decimal(18, 2) COMMENT 'in arrears, up to the present of the account',
    age String COMMENT '0-1 d, 1-3 d, 3-7 d or > 7 d'
)
AS SELECT
    clocks.account AS account, -clocks.balance AS owed, clocks.currency AS currency, ages.since AS since,
    toDecimal64(intDiv(greatest(dateDiff('second', ages.since, clocks.now), 0), 864), 2) / 100 AS days,
    multiIf(days < 1, '0-1 d', days < 3, '1-3 d', days <= 7, '3-7 d', '> 7 d') AS age
FROM (SELECT * FROM account_clocks WHERE balance < 0) AS clocks
INNER JOIN
(
    SELECT account, minIf(time, seq > last_good) AS since
    FROM
    (
        SELECT account, time, seq, maxIf(seq, balance >= 0) OVER (PARTITION BY account) AS last_good
        FROM entries FINAL
        WHERE account IN (SELECT account FROM balances FINAL WHERE balance < 0)
    )
    GROUP BY account
) AS ages ON clocks.account = ages.account
COMMENT 'accounts below zero';
