-- Which deployments of an account are idle or under-used in [since, until), the most idle money first?
SELECT
    resource, any(used.sku) AS sku, any(used.model) AS model, any(used.currency) AS currency,
    sum(used.hours) AS paid_hours, sumIf(used.hours, used.requests = 0) AS unused_hours, sum(used.requests) AS requests,
    sum(used.cost) AS cost, sum(used.share) AS share, sum(used.idle) AS idle, min(used.start) AS first, max(used.end) AS last
FROM deployment_hours(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS used
GROUP BY resource ORDER BY idle DESC, resource
