-- What the charges do not tell: which requests were served, what runs, how late it is.
--
-- requests, resource_events and clocks are read from the journal, so they hold what ingest accepted; what the fold
-- refused later is in `rejections` with the same cause, and the views leave it out. Rows may be written twice, as
-- everywhere: same key, same content.

CREATE TABLE IF NOT EXISTS requests
(
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'time of the event',
    source String COMMENT 'source of the event request.served',
    id String COMMENT 'id of the event; with source it is its identity',
    request String COMMENT 'request id as its producer named it; no identity',
    model LowCardinality(String) COMMENT 'served model',
    key String COMMENT 'API key, else empty',
    resource String COMMENT 'deployment that served it, else empty',
    input_tokens UInt128 COMMENT 'tokens in',
    output_tokens UInt128 COMMENT 'tokens out',
    images UInt128 COMMENT 'images made',
    videos UInt128 COMMENT 'videos made',
    characters UInt128 COMMENT 'characters spoken or read',
    seconds Nullable(Decimal(38, 12)) COMMENT 'run time or length in seconds, where it was told',
    finish LowCardinality(String) COMMENT 'stop, length, client_closed, else empty',
    kafka_partition UInt16 COMMENT 'partition of the journal',
    kafka_offset UInt64 COMMENT 'offset of the journal record that held the event',
    write_order UInt64 MATERIALIZED 18446744073709551615 - kafka_offset COMMENT 'greatest for the first write'
)
ENGINE = ReplacingMergeTree(write_order)
PARTITION BY toYYYYMM(time)
ORDER BY (account, time, id, source)
COMMENT 'accepted requests, priced or not; read with FINAL';

CREATE TABLE IF NOT EXISTS resource_events
(
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'time of the event',
    source String COMMENT 'source of the event',
    id String COMMENT 'id of the event; with source it is its identity',
    type LowCardinality(String) COMMENT 'instance.started, instance.stopped, model.state_changed, …',
    resource String COMMENT 'instance, disk or model',
    sku LowCardinality(String) COMMENT 'of a start, else empty',
    mode LowCardinality(String) COMMENT 'of a start or a change of mode, else empty',
    model LowCardinality(String) COMMENT 'of a start, else empty',
    replicas Nullable(UInt128) COMMENT 'of a start or a change of replicas',
    detail LowCardinality(String) COMMENT 'state of a model, or why an instance stopped',
    position UInt32 COMMENT 'place in the journal record: order of arrival within it',
    kafka_partition UInt16 COMMENT 'partition of the journal',
    kafka_offset UInt64 COMMENT 'offset of the journal record that held the event',
    write_order UInt64 MATERIALIZED 18446744073709551615 - kafka_offset COMMENT 'greatest for the first write'
)
ENGINE = ReplacingMergeTree(write_order)
ORDER BY (account, resource, time, id, source)
COMMENT 'accepted events that begin, change or end what runs; read with FINAL';

CREATE TABLE IF NOT EXISTS clocks
(
    kafka_partition UInt16 COMMENT 'partition of the journal, and of every account in it',
    kafka_offset UInt64 COMMENT 'offset of the journal record',
    time DateTime64(3, 'UTC') COMMENT 'the clock of the partition: no account in it is behind'
)
ENGINE = ReplacingMergeTree(time)
ORDER BY kafka_partition
COMMENT 'how far time is in each partition; read with FINAL';

-- FA-09: when charges could be seen. Not money, so old rows may go.
CREATE TABLE IF NOT EXISTS landings
(
    stored DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when the rows could be read: the clock of the engine, after their insert',
    charges UInt64 COMMENT 'charges that became visible then, twins included',
    oldest DateTime64(3, 'UTC') COMMENT 'time of the oldest of them',
    newest DateTime64(3, 'UTC') COMMENT 'time of the newest of them',
    sent DateTime64(3, 'UTC') COMMENT 'when the oldest of their messages came to Kafka'
)
ENGINE = MergeTree
ORDER BY stored
TTL toDateTime(stored) + INTERVAL 35 DAY
COMMENT 'a row for each batch of charges that the sink has stored';

-- The newest line of each resource says what it costs now. It sums nothing: writing a line twice changes nothing.
CREATE TABLE IF NOT EXISTS last_lines
(
    account String COMMENT 'account id',
    resource String COMMENT 'instance, disk or model',
    sku LowCardinality(String) COMMENT 'what was priced',
    meter LowCardinality(String) COMMENT 'duration, replica_duration or capacity',
    profile LowCardinality(String) COMMENT 'provider profile that priced it',
    model LowCardinality(String) COMMENT 'served model, else empty',
    time DateTime64(3, 'UTC') COMMENT 'when the line fell due',
    start DateTime64(3, 'UTC') COMMENT 'begin of the usage',
    end DateTime64(3, 'UTC') COMMENT 'end of the usage, not included',
    quantity Decimal(38, 12) COMMENT 'in unit',
    unit LowCardinality(String) COMMENT 'hour, GB-hour, GB-day',
    unit_price Decimal(38, 12) COMMENT 'per unit',
    currency LowCardinality(String) COMMENT 'ISO 4217',
    version UInt128 COMMENT 'time, then the first write'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (account, resource, sku, meter)
COMMENT 'the newest line of what is billed by time, corrections aside; read with FINAL';

CREATE MATERIALIZED VIEW IF NOT EXISTS last_lines_of_charges TO last_lines AS
SELECT
    account, resource, sku, meter, profile, model, time, start, end, quantity, unit, unit_price, currency,
    bitOr(
        bitShiftLeft(toUInt128(toUInt64(toUnixTimestamp64Milli(time))), 64),
        toUInt128(toUInt64(18446744073709551615 - kafka_offset))) AS version
FROM charges
WHERE resource != '' AND corrects = '' AND meter IN ('duration', 'replica_duration', 'capacity')
COMMENT 'writes last_lines as charges come in';

INSERT INTO last_lines
SELECT
    account, resource, sku, meter, profile, model, time, start, end, quantity, unit, unit_price, currency,
    bitOr(
        bitShiftLeft(toUInt128(toUInt64(toUnixTimestamp64Milli(time))), 64),
        toUInt128(toUInt64(18446744073709551615 - kafka_offset))) AS version
FROM charges
WHERE resource != '' AND corrects = '' AND meter IN ('duration', 'replica_duration', 'capacity');
