-- Every charge once, account by account, in order of time. Times are RFC 3339 in UTC.
WITH
    -- A spreadsheet takes such a beginning for a formula: names are guarded, figures of ours are not.
    text -> if({guarded:Bool} AND match(text, '^[=+\\-@\\t\\r\\n\\0＝＋－＠]'), concat('''', text), text) AS named,
    instant -> concat(formatDateTime(instant, '%Y-%m-%dT%H:%i:%S', 'UTC'), '.', leftPad(toString(toUnixTimestamp64Milli(instant) % 1000), 3, '0'), 'Z') AS told
SELECT
    named(account) AS account,
    told(time) AS time,
    profile,
    named(resource) AS resource,
    named(request) AS request,
    named(sku) AS sku,
    named(model) AS model,
    named(key) AS key,
    meter,
    told(start) AS start,
    told(end) AS end,
    quantity,
    unit,
    unit_price,
    amount,
    currency,
    rule,
    price_version,
    named(corrects) AS corrects,
    named(id) AS id
FROM (SELECT * FROM charges FINAL WHERE time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}) AS rows
ORDER BY rows.account, rows.time, rows.id
