-- Postings for a book of double entry, account by account: what each moved, and which sku it paid for.
-- `returns_term`: money given back for what is left of a package, not a payment that was refunded.
SELECT
    postings.account AS account,
    seq,
    toDate(time, 'UTC') AS day,
    toString(type) AS kind,
    toString(bucket) AS bucket,
    amount,
    toString(currency) AS currency,
    charge,
    payment,
    toString(sku) AS sku,
    type = 'refund' AND payment = '' AND {per:Array(Decimal(38, 12))}[indexOf({profiles:Array(String)}, profile)] = 0 AS returns_term
FROM
(
    SELECT account, seq, time, type, bucket, amount, currency, charge, payment
    FROM entries FINAL
    WHERE time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
) AS postings
ANY LEFT JOIN
(
    SELECT id, sku FROM charges FINAL WHERE time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}
) AS lines ON lines.id = postings.charge
ANY LEFT JOIN (SELECT account, profile FROM balances FINAL) AS holders ON holders.account = postings.account
ORDER BY postings.account, seq
