-- Which requests of an account were the dearest in [since, until)? Beside each, the same in every row: how much of the
-- deployments' stretches that overlap [since, until) was shared among how many requests.
SELECT
    costs.source AS source, costs.id AS id, costs.at AS time, facts.request AS request, facts.model AS model,
    facts.key AS key, costs.place AS resource, facts.input_tokens AS input_tokens,
    facts.output_tokens AS output_tokens, facts.images AS images, facts.videos AS videos,
    facts.characters AS characters, facts.seconds AS seconds, facts.finish AS finish,
    costs.own AS own, costs.share AS share, costs.cost AS cost, costs.all_shares AS all_shares, costs.all_shared AS all_shared
FROM
(
    SELECT *
    FROM
    (
        SELECT
            source, id, min(event_time) AS at, any(served_on) AS place,
            sum(part_own) AS own, sumIf(part_share, inside) AS share, own + share AS cost, max(inside) AS asked_for,
            sum(sumIf(part_share, counted)) OVER () AS all_shares, sum(countIf(counted)) OVER () AS all_shared
        FROM
        (
            SELECT cause.source AS source, cause.id AS id, start AS event_time, resource AS served_on,
                toDecimal256(amount, 12) AS part_own, toDecimal256(0, 12) AS part_share, 1 AS inside, 0 AS counted
            FROM charges FINAL
            WHERE account = {account:String} AND request != ''
                AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT source, id, time, resource, toDecimal256(0, 12), share,
                time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')},
                end > {since:DateTime64(3, 'UTC')} AND start < {until:DateTime64(3, 'UTC')}
            FROM request_shares(
                account = {account:String},
                since = {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY, until = {until:DateTime64(3, 'UTC')} + INTERVAL 1 DAY)
        )
        GROUP BY source, id
    )
    WHERE asked_for
    ORDER BY cost DESC, id, source LIMIT {limit:UInt32}
) AS costs
LEFT JOIN
(
    SELECT * FROM requests FINAL
    WHERE account = {account:String}
        -- What is told late is charged later than it happened, by 35 days at most.
        AND time >= {since:DateTime64(3, 'UTC')} - INTERVAL 36 DAY AND time < {until:DateTime64(3, 'UTC')}
) AS facts ON costs.source = facts.source AND costs.id = facts.id
ORDER BY cost DESC, id, source
