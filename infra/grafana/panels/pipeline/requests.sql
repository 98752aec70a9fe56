-- Accepted requests by model, the twenty with most, over time.
SELECT $__timeInterval(requests.time) AS time, model, count() AS requests
FROM requests FINAL
WHERE $__timeFilter(requests.time)
    AND model IN (SELECT model FROM requests WHERE $__timeFilter(requests.time) GROUP BY model ORDER BY count() DESC LIMIT 20)
GROUP BY time, model ORDER BY time, model
