-- Refused events by reason, over time.
SELECT $__timeInterval(rejections.time) AS time, reason, count() AS rejections
FROM rejections FINAL WHERE $__timeFilter(rejections.time)
GROUP BY time, reason ORDER BY time, reason
