-- What runs now, and what does it cost an hour? The price is that of its newest line: what runs by the hour and has
-- had none yet has no price here. A package inside its term costs nothing more an hour.
CREATE OR REPLACE VIEW running_now
(
    account String COMMENT 'account id',
    profile String COMMENT 'provider profile',
    resource String COMMENT 'instance, deployment or model',
    sku String COMMENT 'what is priced',
    mode String COMMENT 'payg, spot or package',
    model String COMMENT 'served model, else empty',
    since DateTime64(3, 'UTC') COMMENT 'when it began to run',
    replicas UInt128 COMMENT 'running copies; 1 for an instance',
    price Nullable(Decimal(38, 12)) COMMENT 'per hour and replica, in currency; NULL before its first line and for packages',
    per_hour Decimal(76, 12) COMMENT 'price times replicas; 0 where there is no price',
    charged_until Nullable(DateTime64(3, 'UTC')) COMMENT 'end of its newest line; after the present where it is paid in advance',
    period_s Int64 COMMENT 'length in seconds of the hours it pays in advance; 0 where it pays afterwards',
    currency String COMMENT 'ISO 4217'
)
AS SELECT
    account, profile, resource, sku, mode, model, since, replicas,
    if(has_line, unit_price, NULL) AS price,
    toDecimal256(if(has_line, unit_price, 0), 12) * if(meter = 'replica_duration', replicas, 1) AS per_hour,
    if(has_line, end, NULL) AS charged_until,
    if(has_line AND time <= start, dateDiff('second', start, end), 0) AS period_s,
    currency
FROM (SELECT * FROM resource_states WHERE runs = 1) AS states
LEFT JOIN
(
    SELECT account, resource, sku AS line_sku, meter, profile, time, start, end, unit_price, currency, 1 AS has_line
    FROM last_lines FINAL
    WHERE meter IN ('duration', 'replica_duration')
) AS lines
ON states.account = lines.account AND states.resource = lines.resource AND states.sku = lines.line_sku
    AND states.mode != 'package' AND lines.end >= states.since
COMMENT 'running resources with what they cost an hour';
