-- How far is time in the slowest and in the fastest partition?
SELECT minOrNull(time) AS slowest, maxOrNull(time) AS fastest, count() AS partitions FROM clocks FINAL
