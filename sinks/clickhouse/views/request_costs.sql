-- What did each request cost: its own charges, and its share of the hours of the deployment that served it?
-- Parameters: account, since, until.
CREATE OR REPLACE VIEW request_costs AS
SELECT
    source, id, min(at) AS time, max(place) AS resource,
    sum(part_own) AS own, sum(part_share) AS share, own + share AS cost
FROM
(
    SELECT cause.source AS source, cause.id AS id, start AS at, resource AS place,
        toDecimal256(amount, 12) AS part_own, toDecimal256(0, 12) AS part_share
    FROM charges FINAL
    WHERE account = {account:String} AND request != ''
        AND time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
    UNION ALL
    SELECT source, id, time, resource, toDecimal256(0, 12), share
    FROM request_shares(
        account = {account:String},
        since = {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY, until = {until:DateTime64(3, 'UTC')} + INTERVAL 1 DAY)
    WHERE time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')}
)
GROUP BY source, id
COMMENT 'cost of each request; a view with parameters';
