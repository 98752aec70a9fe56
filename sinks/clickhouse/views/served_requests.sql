-- Which requests were served, and on which paid stretch of which deployment? One that names a resource was served there;
-- another belongs to the one deployment that was paid at its time and serves its model, or else to the only one paid then
-- if that names no model; where several would do, to none.
-- Parameters: account, since, until.
CREATE OR REPLACE VIEW served_requests AS
WITH
    -- (deployment, its model): read once.
    (
        SELECT groupUniqArray((resource, model)) FROM charged_stretches(
            account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
    ) AS deployments
SELECT
    source, id, time, request, model, key, input_tokens, output_tokens, images, videos, characters, seconds, finish,
    place, start, end, hours, cost
FROM
(
    SELECT *, max(fit) OVER same AS best, countIf(fit = 1) OVER same AS alike, count() OVER same AS all_places
    FROM
    (
        SELECT *
        FROM
        (
            SELECT *,
                arrayJoin(if(
                    resource != '',
                    [(resource, 2)],
                    arrayMap(d -> (d.1, if(d.2 = '', 0, 1)), arrayFilter(d -> d.2 IN ('', model), deployments)))) AS candidate,
                candidate.1 AS place,
                candidate.2 AS fit
            FROM
            (
                SELECT account, time, source, id, request, model, key, resource, input_tokens, output_tokens, images,
                    videos, characters, seconds, finish
                FROM requests FINAL
                -- Where nothing was paid for, no request is read.
                WHERE notEmpty(deployments) AND account = {account:String}
                    AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
                    AND (source, id) NOT IN
                        (SELECT cause.source, cause.id FROM rejections
                         WHERE account = {account:String}
                            AND reason NOT IN ('schema_invalid', 'duplicate_conflict', 'too_old', 'too_new'))
            )
        ) AS asked
        ASOF INNER JOIN
        (
            SELECT resource AS paid_resource, start, end, hours, cost
            FROM charged_stretches(
                account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
        ) AS stretches
        ON asked.place = stretches.paid_resource AND asked.time >= stretches.start
    )
    WHERE time < end
    WINDOW same AS (PARTITION BY source, id)
)
WHERE fit = best AND (fit = 2 OR (fit = 1 AND alike = 1) OR (fit = 0 AND all_places = 1))
COMMENT 'requests with the paid stretch that they fell into; a view with parameters';
