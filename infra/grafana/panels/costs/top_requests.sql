-- The dearest requests of one account, with their share of the hours of the deployment that served them.
SELECT time, id, resource, own, share, cost
FROM request_costs(account = ${one:sqlstring}, since = $__fromTime, until = $__toTime)
ORDER BY cost DESC, id LIMIT 50
