-- What the control plane was asked to do, over time.
SELECT $__timeInterval(commands.time) AS time, concat(type, ' ', reason) AS command, count() AS commands
FROM commands FINAL
WHERE $__timeFilter(commands.time) AND account IN (${account:sqlstring})
GROUP BY time, command ORDER BY time, command
