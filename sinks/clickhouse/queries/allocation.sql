-- Of what an account's deployments cost in [since, until), how much was shared among requests and how much was idle?
SELECT
    count() AS stretches, sum(used.hours) AS hours, sum(used.requests) AS requests,
    sum(used.cost) AS cost, sum(used.share) AS share, sum(used.idle) AS idle
FROM deployment_hours(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS used
