-- What did an account's deployments cost in stretches that overlap [since, until)?
SELECT count() AS stretches, sum(paid.hours) AS hours, sum(paid.cost) AS cost
FROM charged_stretches(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS paid
