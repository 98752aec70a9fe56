-- What did a request cost that has no price of its own (R-PD5)? Each stretch that a deployment paid for is shared among the
-- stretch's requests: by seconds of run time where all of them tell it, the paid time without a request being idle; else by
-- tokens, nothing being idle. Shares are differences of cumulative amounts cut to 12 decimals, so shares + idle = the
-- charge to the last digit. More run time than was paid (requests side by side) shares all of it.
-- Parameters: account, since, until; to have a stretch whole, ask for a day more on both sides.
CREATE OR REPLACE VIEW request_shares AS
WITH toInt256(1000000000000) AS unit
SELECT
    source, id, time, request, model, key, input_tokens, output_tokens, images, videos, characters, seconds, finish,
    place AS resource, start, end, cost AS stretch_cost,
    if(whole = 0, toDecimal256(0, 12),
        toDecimal256(intDiv(pot * upto, greatest(whole, 1)) - intDiv(pot * (upto - weight), greatest(whole, 1)), 0)
            * toDecimal256('0.000000000001', 12)) AS share
FROM
(
    SELECT *,
        toInt256(cost * unit) AS pot,
        sum(weight) OVER (stretch ORDER BY time, id, source ROWS UNBOUNDED PRECEDING) AS upto,
        greatest(sum(weight) OVER stretch, if(by_seconds, toInt256(greatest(hours, 0) * unit) * 3600, toInt256(0))) AS whole
    FROM
    (
        SELECT *,
            min(seconds IS NOT NULL) OVER stretch AS by_seconds,
            if(
                by_seconds,
                toInt256(toDecimal256(ifNull(seconds, 0), 12) * unit),
                toInt256(input_tokens) + toInt256(output_tokens)) AS weight
        FROM served_requests(
            account = {account:String}, since = {since:DateTime64(3, 'UTC')}, until = {until:DateTime64(3, 'UTC')})
        WINDOW stretch AS (PARTITION BY place, start, end)
    )
    WINDOW stretch AS (PARTITION BY place, start, end)
)
COMMENT 'requests with their share of the stretch that was paid; a view with parameters';
