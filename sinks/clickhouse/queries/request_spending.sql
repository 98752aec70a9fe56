-- How many requests with a price of their own cost more than `times` times the median, and how much, in [since, until)?
WITH own AS
(
    SELECT sum(toDecimal256(amount, 12)) AS cost
    FROM charges FINAL
    WHERE account = {account:String} AND request != ''
        AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
    GROUP BY cause.source, cause.id
)
SELECT count() AS requests, sum(cost) AS total, top, countIf(cost > top) AS above, sumIf(cost, cost > top) AS above_cost
FROM own CROSS JOIN (SELECT quantileExact(0.5)(cost) * {times:Decimal(38, 12)} AS top FROM own) AS limits
GROUP BY top
