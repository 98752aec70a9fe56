-- How much of the deployments' stretches that overlap [since, until) was shared among how many requests?
SELECT count() AS requests, sum(share) AS share
FROM request_shares(
    account = {account:String},
    -- A day more on both sides: stretches at the edges are shared whole.
    since = {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY, until = {until:DateTime64(3, 'UTC')} + INTERVAL 1 DAY)
WHERE end > {since:DateTime64(3, 'UTC')} AND start < {until:DateTime64(3, 'UTC')}
