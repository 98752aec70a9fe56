-- How many requests with a price of their own cost more than `times` times the median, and how much, in [since, until)?
SELECT
    requests, total, top,
    arrayCount(cost -> cost > top, costs) AS above,
    arraySum(arrayFilter(cost -> cost > top, costs)) AS above_cost
FROM
(
    SELECT
        count() AS requests, sum(toDecimal256(own, 12)) AS total, groupArray(own) AS costs,
        toDecimal256(quantileExact(0.5)(own), 12) * {times:Decimal(38, 12)} AS top
    FROM
    (
        SELECT sum(amount) AS own
        FROM charges FINAL
        WHERE account = {account:String} AND request != ''
            AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
        GROUP BY sipHash128(cause.source, cause.id)
    )
)
WHERE requests > 0
