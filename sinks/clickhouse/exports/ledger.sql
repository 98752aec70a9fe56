-- Every posting once, account by account, in its number's order. Times are RFC 3339 in UTC.
WITH
    -- A spreadsheet takes such a beginning for a formula: names are guarded, figures of ours are not.
    text -> if({guarded:Bool} AND match(text, '^[=+\\-@\\t\\r\\n\\0＝＋－＠]'), concat('''', text), text) AS named,
    instant -> concat(formatDateTime(instant, '%Y-%m-%dT%H:%i:%S', 'UTC'), '.', leftPad(toString(toUnixTimestamp64Milli(instant) % 1000), 3, '0'), 'Z') AS told
SELECT
    named(account) AS account,
    seq,
    told(time) AS time,
    type,
    bucket,
    amount,
    balance,
    currency,
    named(charge) AS charge,
    named(payment) AS payment,
    named(id) AS id,
    hash
FROM (SELECT * FROM entries FINAL WHERE time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')}) AS rows
ORDER BY rows.account, rows.seq
