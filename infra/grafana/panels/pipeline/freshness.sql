-- From a charge's time to its being seen, at most and in the mean, and from Kafka having it.
SELECT $__timeInterval(minute) AS time, toFloat64(max(age_max_s)) AS at_most, toFloat64(avg(age_mean_s)) AS mean,
    toFloat64(max(waited_max_s)) AS from_kafka
FROM freshness WHERE $__timeFilter(minute)
GROUP BY time ORDER BY time
