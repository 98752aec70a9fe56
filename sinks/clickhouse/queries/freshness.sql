-- How long did charges take to be visible in the `minutes` minutes up to the last that became so?
SELECT
    sum(seen.charges) AS charges, max(seen.age_max_s) AS age_max_s,
    toDecimal64(intDiv(sum(toInt128(seen.age_mean_s * 1000) * seen.charges), greatest(sum(seen.charges), 1)), 3) / 1000 AS age_mean_s,
    max(seen.waited_max_s) AS waited_max_s, max(seen.minute) AS last
FROM freshness AS seen
WHERE seen.minute > (SELECT toStartOfMinute(toDateTime(max(stored), 'UTC')) FROM landings) - toIntervalMinute({minutes:UInt32})
