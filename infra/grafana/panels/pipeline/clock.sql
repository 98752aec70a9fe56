-- The clock of the slowest partition: no account is behind it.
SELECT toUnixTimestamp64Milli(min(time)) AS clock FROM clocks FINAL
