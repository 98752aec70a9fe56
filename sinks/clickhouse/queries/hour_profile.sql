-- In which local hours was a deployment paid for, and how many requests had it in them? `weekday` is 1 for Monday; a
-- stretch counts as the hour in which it began.
SELECT
    used.resource AS resource, toDate(formatDateTime(used.start, '%F', {zone:String})) AS day, toDayOfWeek(day) AS weekday,
    toUInt8(formatDateTime(used.start, '%H', {zone:String})) AS hour,
    sum(used.hours) AS paid_hours, sum(used.requests) AS requests
FROM deployment_hours(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')}) AS used
GROUP BY resource, day, weekday, hour ORDER BY resource, day, hour
