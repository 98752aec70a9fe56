-- How well was each paid stretch of a deployment used? Requests, their share, and what was idle: share + idle = cost.
-- Parameters: account, since, until; stretches that overlap [since, until), whole.
CREATE OR REPLACE VIEW deployment_hours AS
SELECT
    stretches.resource AS resource, stretches.sku AS sku, stretches.model AS model, stretches.start AS start,
    stretches.end AS end, stretches.hours AS hours, stretches.cost AS cost, stretches.currency AS currency,
    used.requests AS requests, used.busy_s AS busy_s, used.untold AS untold,
    used.share AS share, stretches.cost - used.share AS idle
FROM charged_stretches(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS stretches
LEFT JOIN
(
    SELECT resource, start, end, count() AS requests, sum(share) AS share,
        sum(toDecimal256(ifNull(seconds, 0), 12)) AS busy_s, countIf(seconds IS NULL) AS untold
    FROM request_shares(
        account = {account:String},
        since = {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY, until = {until:DateTime64(3, 'UTC')} + INTERVAL 1 DAY)
    GROUP BY resource, start, end
) AS used ON stretches.resource = used.resource AND stretches.start = used.start AND stretches.end = used.end
COMMENT 'use of each paid stretch; a view with parameters';
