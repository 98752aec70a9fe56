-- How long did the requests of each deployment run in [since, until)? NULL where one of them did not tell.
SELECT place AS resource, count() AS requests, if(countIf(seconds IS NULL) > 0, NULL, sum(toDecimal256(ifNull(seconds, 0), 12))) AS busy_s
FROM served_requests(
    account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
GROUP BY resource
