-- What is refused, and why? By account and day (UTC; 1970-01-01 where the account had no clock yet).
CREATE OR REPLACE VIEW rejections_by_reason
(
    day Date COMMENT 'day of the clock of the account, UTC',
    account String COMMENT 'account id, empty where the event named none',
    reason String COMMENT 'reason code',
    rejections UInt64 COMMENT 'how many',
    last DateTime64(3, 'UTC') COMMENT 'the latest of them',
    example String COMMENT 'words of the latest'
)
AS SELECT
    toDate(time) AS day, account, reason, count() AS rejections, max(time) AS last, argMax(detail, time) AS example
FROM rejections FINAL
GROUP BY day, account, reason
COMMENT 'refused events, counted';
