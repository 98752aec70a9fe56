-- How many charges became visible a minute, twins included.
SELECT $__timeInterval(minute) AS time, avg(freshness.charges) AS charges
FROM freshness WHERE $__timeFilter(minute)
GROUP BY time ORDER BY time
