-- Do charges, postings, hours, days and balances of each account come to the same? Reads everything.
SELECT account, sum(charged) AS charged, sum(posted) AS posted, sum(hourly) AS hourly, sum(daily) AS daily, sum(balance) AS balance
FROM (
    SELECT account, toDecimal256(amount, 12) AS charged, toDecimal256(0, 12) AS posted, toDecimal256(0, 12) AS hourly,
        toDecimal256(0, 12) AS daily, toDecimal256(0, 12) AS balance FROM charges FINAL
    UNION ALL SELECT account, 0, toDecimal256(amount, 12), 0, 0, 0 FROM entries FINAL
    UNION ALL SELECT account, 0, 0, toDecimal256(amount, 12), 0, 0 FROM hourly_costs FINAL
    UNION ALL SELECT account, 0, 0, 0, toDecimal256(amount, 12), 0 FROM daily_costs FINAL
    UNION ALL SELECT account, 0, 0, 0, 0, toDecimal256(balance, 12) FROM balances FINAL
) GROUP BY account ORDER BY account
