-- Which requests of an account were the dearest in [since, until)?
SELECT source, id, costs.time AS time, resource, own, share, cost
FROM request_costs(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS costs
ORDER BY cost DESC, id, source LIMIT {limit:UInt32}
