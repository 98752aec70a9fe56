-- Which requests were served, and on which deployment? One that names a resource was served there; another belongs to
-- the one deployment that was paid at its time and serves its model (or names no model); where there are several, to none.
-- Parameters: account, since, until.
CREATE OR REPLACE VIEW served_requests AS
WITH
    accepted AS
    (
        SELECT *, toInt256(input_tokens) + toInt256(output_tokens) AS tokens
        FROM requests FINAL
        WHERE account = {account:String}
            AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
            AND (source, id) NOT IN
                (SELECT cause.source, cause.id FROM rejections
                 WHERE account = {account:String} AND reason NOT IN ('schema_invalid', 'duplicate_conflict', 'too_old', 'too_new'))
    ),
    stretches AS
    (
        SELECT resource AS paid_resource, start, end, model AS paid_model, hours, cost, sku
        FROM charged_stretches(
            account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
    ),
    -- Every deployment that a request may have been served on, the better match first.
    placed AS
    (
        SELECT accepted.*, resource AS place, 2 AS fit FROM accepted WHERE resource != ''
        UNION ALL
        SELECT accepted.*, paid_resource AS place, 1 AS fit
        FROM (SELECT * FROM accepted WHERE resource = '') AS accepted
        INNER JOIN (SELECT DISTINCT paid_resource, paid_model FROM stretches WHERE paid_model != '') AS named
            ON accepted.model = named.paid_model
        UNION ALL
        SELECT accepted.*, paid_resource AS place, 0 AS fit
        FROM (SELECT * FROM accepted WHERE resource = '') AS accepted
        CROSS JOIN (SELECT DISTINCT paid_resource FROM stretches WHERE paid_model = '') AS unnamed
    ),
    paid AS
    (
        SELECT placed.*, stretches.start AS start, stretches.end AS end, stretches.hours AS hours, stretches.cost AS cost
        FROM placed ASOF INNER JOIN stretches ON placed.place = stretches.paid_resource AND placed.time >= stretches.start
        WHERE placed.time < stretches.end
    )
SELECT
    source, id, time, request, model, key, input_tokens, output_tokens, images, videos, characters, seconds, finish,
    tokens, place, start, end, hours, cost
FROM
(
    SELECT *, max(fit) OVER (PARTITION BY source, id) AS best, countIf(fit = 1) OVER (PARTITION BY source, id) AS alike,
        count() OVER (PARTITION BY source, id) AS all_places
    FROM paid
)
WHERE fit = best AND (fit = 2 OR (fit = 1 AND alike = 1) OR (fit = 0 AND all_places = 1))
COMMENT 'requests with the paid stretch that they fell into; a view with parameters';
