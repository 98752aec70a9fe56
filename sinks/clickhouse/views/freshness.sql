-- How long until a charge can be seen (FA-09)? By minute, counting every charge of a batch as late as its oldest:
-- never better than it was. Ages of events mean something on the wall clock only; `waited` on any clock.
CREATE OR REPLACE VIEW freshness
(
    minute DateTime('UTC') COMMENT 'when the charges became visible',
    charges UInt64 COMMENT 'how many did',
    age_max_s Decimal(18, 3) COMMENT 'from the time of the oldest charge to its being seen',
    age_mean_s Decimal(18, 3) COMMENT 'the same of each batch, weighed by its charges',
    waited_max_s Decimal(18, 3) COMMENT 'from Kafka having it to its being seen'
)
AS SELECT
    toStartOfMinute(toDateTime(stored, 'UTC')) AS minute,
    sum(landings.charges) AS charges,
    toDecimal64(max(dateDiff('millisecond', oldest, stored)), 3) / 1000 AS age_max_s,
    toDecimal64(
        intDiv(sum(toInt128(dateDiff('millisecond', oldest, stored)) * landings.charges), greatest(sum(landings.charges), 1)),
        3) / 1000 AS age_mean_s,
    toDecimal64(max(dateDiff('millisecond', sent, stored)), 3) / 1000 AS waited_max_s
FROM landings
GROUP BY minute
COMMENT 'from event to visible charge, by minute';
