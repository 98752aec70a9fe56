-- The newest records that could not be stored, with the reason.
SELECT time, topic, kafka_partition, kafka_offset, reason FROM dead_letters FINAL
WHERE $__timeFilter(time) ORDER BY time DESC LIMIT 50
