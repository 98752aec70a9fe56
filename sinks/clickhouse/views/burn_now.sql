-- How fast is money spent now? Three parts: what runs, what is stored, and requests at the mean of the last 24 hours.
CREATE OR REPLACE VIEW burn_now
(
    account String COMMENT 'account id',
    running Decimal(76, 12) COMMENT 'an hour of all that runs',
    stored Decimal(76, 12) COMMENT 'an hour of what was stored in the newest settled window, not older than two days',
    requests Decimal(76, 12) COMMENT 'requests of the last 24 hours, divided by 24',
    per_hour Decimal(76, 12) COMMENT 'the sum of the three, in the currency of the account'
)
AS SELECT
    account,
    sum(part_running) AS running,
    sum(part_stored) AS stored,
    sum(part_requests) AS requests,
    running + stored + requests AS per_hour
FROM
(
    SELECT account, per_hour AS part_running, toDecimal256(0, 12) AS part_stored, toDecimal256(0, 12) AS part_requests
    FROM running_now
    UNION ALL
    -- In exact steps: an hour's quantity times its price; dividing by the length of the window comes last.
    SELECT
        lines.account, toDecimal256(0, 12),
        divideDecimal(
            multiplyDecimal(toDecimal256(lines.quantity, 12), toDecimal256(lines.unit_price, 12), 24) * 3600,
            toDecimal256(greatest(dateDiff('second', lines.start, lines.end), 1), 0), 12),
        toDecimal256(0, 12)
    FROM (SELECT account, resource, quantity, unit_price, start, end FROM last_lines FINAL WHERE meter = 'capacity') AS lines
    INNER JOIN account_clocks AS clocks ON lines.account = clocks.account
    LEFT JOIN (SELECT account, resource, max(time) AS gone FROM
        (
            SELECT account, resource, time FROM resource_events WHERE type IN ('instance.released', 'capacity.deleted')
            UNION ALL SELECT account, resource, time FROM commands WHERE type = 'data.delete'
        ) GROUP BY account, resource) AS ended
        ON lines.account = ended.account AND lines.resource = ended.resource
    WHERE lines.end >= clocks.now - INTERVAL 2 DAY AND NOT (ended.gone > lines.start)
    UNION ALL
    SELECT
        costs.account, toDecimal256(0, 12), toDecimal256(0, 12),
        divideDecimal(toDecimal256(costs.amount, 12), toDecimal256(24, 0), 12)
    FROM
    (
        SELECT account, start, amount FROM hourly_costs FINAL
        WHERE meter NOT IN ('duration', 'replica_duration', 'capacity', 'term')
            AND start >= (SELECT time FROM slowest_clock) - INTERVAL 24 HOUR
    ) AS costs
    INNER JOIN account_clocks AS clocks ON costs.account = clocks.account
    WHERE costs.start >= clocks.now - INTERVAL 24 HOUR
)
GROUP BY account
COMMENT 'present spend an hour of each account';
