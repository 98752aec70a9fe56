-- What does an account have running, the dearest first?
SELECT profile, resource, sku, mode, model, since, replicas, price, per_hour, charged_until, period_s
FROM running_now WHERE account = {account:String} ORDER BY per_hour DESC, resource
