-- Which requests of an account were the dearest in [since, until)?
SELECT
    costs.source AS source, costs.id AS id, facts.time AS time, facts.request AS request, facts.model AS model,
    facts.key AS key, costs.resource AS resource, facts.input_tokens AS input_tokens,
    facts.output_tokens AS output_tokens, facts.images AS images, facts.videos AS videos,
    facts.characters AS characters, facts.seconds AS seconds, facts.finish AS finish,
    costs.own AS own, costs.share AS share, costs.cost AS cost
FROM
(
    SELECT source, id, resource, own, share, cost
    FROM request_costs(
        account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
    ORDER BY cost DESC, id, source LIMIT {limit:UInt32}
) AS costs
LEFT JOIN
(
    SELECT * FROM requests FINAL
    WHERE account = {account:String}
        AND time >= {since:DateTime64(3, 'UTC')} - INTERVAL 36 DAY AND time < {until:DateTime64(3, 'UTC')}
) AS facts ON costs.source = facts.source AND costs.id = facts.id
ORDER BY cost DESC, id, source
