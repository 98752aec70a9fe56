-- Which charges did an account have before a time (and, at that time, an id), the newest first?
SELECT id, time, resource, request, sku, model, key, meter, start, end, quantity, unit, unit_price, amount,
    currency, rule, price_version, corrects
FROM charges FINAL
WHERE account = {account:String} AND (time, id) < ({before:DateTime64(3, 'UTC')}, {before_id:String})
ORDER BY time DESC, id DESC LIMIT {limit:UInt32}
