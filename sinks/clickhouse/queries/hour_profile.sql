-- In which local hours was a deployment paid for, and how was it used in them? `weekday` is 1 for Monday; a stretch counts
-- as the hour in which it began; `untold` are requests that did not tell their seconds.
SELECT
    used.resource AS resource, toDate(formatDateTime(used.start, '%F', {zone:String})) AS day, toDayOfWeek(day) AS weekday,
    toUInt8(formatDateTime(used.start, '%H', {zone:String})) AS hour,
    sum(used.hours) AS paid_hours, sum(used.requests) AS requests, sum(used.busy_s) AS busy_s, sum(used.untold) AS untold
FROM deployment_hours(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS used
GROUP BY resource, day, weekday, hour ORDER BY resource, day, hour
