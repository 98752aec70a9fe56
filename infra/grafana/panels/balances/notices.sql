-- What owners were told, over time.
SELECT $__timeInterval(notices.time) AS time, type, count() AS notices
FROM notices FINAL
WHERE $__timeFilter(notices.time) AND currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
GROUP BY time, type ORDER BY time, type
