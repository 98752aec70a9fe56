-- What the deployments of one account were paid for, and how much of it no request used.
SELECT used.resource AS resource, any(used.sku) AS sku, any(used.model) AS model, sum(used.hours) AS hours,
    sum(used.requests) AS requests, sum(used.cost) AS cost, sum(used.share) AS share, sum(used.idle) AS idle
FROM deployment_hours(account = ${one:sqlstring}, since = $__fromTime, until = $__toTime) AS used
GROUP BY resource ORDER BY idle DESC, resource
