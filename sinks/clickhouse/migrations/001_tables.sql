-- The tables: one for each output topic, written by sinks/clickhouse/writer.py and by nothing else.
--
-- Two kinds, both ReplacingMergeTree, so that a row which is written twice counts once (read with FINAL or
-- through the views of 002):
--   * facts (charges, entries, notices, commands, rejections): the FIRST write of a key wins. Its version is
--     `write_order` = greatest number - Kafka offset, so a later, conflicting row never replaces it.
--   * absolute values (balances, hourly_costs, daily_costs): the greatest `version` wins, never the last to arrive.
-- Keys are made of columns that never change for a record, and a partition is a function of key columns:
-- otherwise the twin of a row could live in another partition, where a merge never meets it.
-- No TTL (a back-filled old row would vanish at its insert) and no materialized view sums money (it counts twins).
-- Money and quantities are Decimal(38, 12), computed before they come here.

CREATE TABLE IF NOT EXISTS charges
(
    id String COMMENT 'deterministic id of the line: a replay gives the same one',
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'when the line fell due; it belongs to the hour and day of this time',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to it',
    profile LowCardinality(String) COMMENT 'provider profile that priced it',
    sku LowCardinality(String) COMMENT 'what was priced',
    meter LowCardinality(String) COMMENT 'what the quantity counts',
    start DateTime64(3, 'UTC') COMMENT 'begin of the usage',
    end DateTime64(3, 'UTC') COMMENT 'end of the usage, not included',
    quantity Decimal(38, 12) COMMENT 'in unit; negative where usage is taken back',
    unit LowCardinality(String) COMMENT 'hour, GB-hour, 1M tokens, …',
    unit_price Decimal(38, 12) COMMENT 'per unit',
    amount Decimal(38, 12) COMMENT 'in currency; negative where money is given back',
    currency LowCardinality(String) COMMENT 'ISO 4217',
    rule LowCardinality(String) COMMENT 'requirement that the line follows',
    price_version LowCardinality(String) COMMENT 'version of the price book that was in force',
    resource String COMMENT 'instance, disk or model; empty for requests',
    request String COMMENT 'request id; empty for resources',
    model LowCardinality(String) COMMENT 'served model, else empty',
    key String COMMENT 'API key, else empty',
    corrects String COMMENT 'id of the earlier charge that this one corrects, else empty',
    kafka_partition UInt16 COMMENT 'partition of the topic charges',
    kafka_offset UInt64 COMMENT 'offset of the message that held the line',
    write_order UInt64 MATERIALIZED 18446744073709551615 - kafka_offset COMMENT 'greatest for the first write',
    INDEX by_id id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree(write_order)
PARTITION BY toYYYYMM(time)
ORDER BY (account, time, id)
COMMENT 'rated lines; read with FINAL';

CREATE TABLE IF NOT EXISTS entries
(
    id String COMMENT 'deterministic id of the posting',
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'when it fell due',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to it',
    type LowCardinality(String) COMMENT 'topup, charge, grant, coupon, refund, chargeback, correction',
    amount Decimal(38, 12) COMMENT 'signed, in currency',
    bucket LowCardinality(String) COMMENT 'free, trial, bonus, paid',
    balance Decimal(38, 12) COMMENT 'of the account, after the posting',
    currency LowCardinality(String) COMMENT 'ISO 4217',
    seq UInt64 COMMENT 'number of the posting in its account: 1, 2, 3, … without gaps',
    hash String COMMENT 'hash over this posting and the hash before it',
    charge String COMMENT 'id of the charge that it pays, else empty',
    payment String COMMENT 'id of the payment, else empty',
    kafka_partition UInt16 COMMENT 'partition of the topic ledger.entries',
    kafka_offset UInt64 COMMENT 'offset of the message that held the posting',
    write_order UInt64 MATERIALIZED 18446744073709551615 - kafka_offset COMMENT 'greatest for the first write'
)
-- Not partitioned: the key is (account, seq), and the month is no function of it.
ENGINE = ReplacingMergeTree(write_order)
ORDER BY (account, seq)
COMMENT 'the ledger; read with FINAL';

CREATE TABLE IF NOT EXISTS balances
(
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'when this balance came to be',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to it',
    profile LowCardinality(String) COMMENT 'provider profile of the account',
    balance Decimal(38, 12) COMMENT 'after entry seq',
    currency LowCardinality(String) COMMENT 'ISO 4217',
    buckets Map(LowCardinality(String), Decimal(38, 12)) COMMENT 'parts of the balance',
    flags Array(LowCardinality(String)) COMMENT 'such as disputed',
    keys Map(String, LowCardinality(String)) COMMENT 'API keys and their tiers',
    seq UInt64 COMMENT 'number of the last posting that is in the balance',
    id String COMMENT 'hash of the last posting',
    kafka_partition UInt16 COMMENT 'partition of the topic balances',
    kafka_offset UInt64 COMMENT 'offset of the message',
    -- Keys and flags change without a posting: of equal seq the later time stands.
    version UInt128 MATERIALIZED bitOr(bitShiftLeft(toUInt128(seq), 64), toUInt128(toUInt64(toUnixTimestamp64Milli(time)))) COMMENT 'seq, then time'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY account
COMMENT 'the balance after the last posting; read with FINAL';

-- A row is one line of a window. Lines are cumulative, so a line that a window had is in every later version of
-- the window: a line never disappears, and the greatest version of each line together are the window.
CREATE TABLE IF NOT EXISTS hourly_costs
(
    account String COMMENT 'account id',
    start DateTime64(3, 'UTC') COMMENT 'begin of the hour',
    end DateTime64(3, 'UTC') COMMENT 'end of the hour, not included',
    time DateTime64(3, 'UTC') COMMENT 'when the window got its present value',
    profile LowCardinality(String) COMMENT 'provider profile of the account',
    currency LowCardinality(String) COMMENT 'ISO 4217',
    zone LowCardinality(String) COMMENT 'zone of the account where the record names it',
    resource String COMMENT 'instance, disk or model, else empty',
    sku LowCardinality(String) COMMENT 'what was priced',
    model LowCardinality(String) COMMENT 'served model, else empty',
    key String COMMENT 'API key, else empty',
    meter LowCardinality(String) COMMENT 'what the quantity counts',
    unit LowCardinality(String) COMMENT 'unit of quantity',
    quantity Decimal(38, 12) COMMENT 'sum over the window so far',
    amount Decimal(38, 12) COMMENT 'sum over the window so far',
    charges UInt64 COMMENT 'number of charges in it',
    version UInt64 COMMENT 'of two rows of one key the greater stands',
    kafka_partition UInt16 COMMENT 'partition of the topic',
    kafka_offset UInt64 COMMENT 'offset of the message'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(start)
ORDER BY (account, start, resource, sku, model, key, meter)
COMMENT 'costs of an hour (UTC), absolute; read with FINAL';

CREATE TABLE IF NOT EXISTS daily_costs
(
    account String COMMENT 'account id',
    start DateTime64(3, 'UTC') COMMENT 'begin of the day in the zone of the account',
    end DateTime64(3, 'UTC') COMMENT 'end of that day, not included',
    day Date COMMENT 'the day on the calendar of the account',
    time DateTime64(3, 'UTC') COMMENT 'when the window got its present value',
    profile LowCardinality(String) COMMENT 'provider profile of the account',
    currency LowCardinality(String) COMMENT 'ISO 4217',
    zone LowCardinality(String) COMMENT 'zone of the account where the record names it',
    resource String COMMENT 'instance, disk or model, else empty',
    sku LowCardinality(String) COMMENT 'what was priced',
    model LowCardinality(String) COMMENT 'served model, else empty',
    key String COMMENT 'API key, else empty',
    meter LowCardinality(String) COMMENT 'what the quantity counts',
    unit LowCardinality(String) COMMENT 'unit of quantity',
    quantity Decimal(38, 12) COMMENT 'sum over the window so far',
    amount Decimal(38, 12) COMMENT 'sum over the window so far',
    charges UInt64 COMMENT 'number of charges in it',
    version UInt64 COMMENT 'of two rows of one key the greater stands',
    kafka_partition UInt16 COMMENT 'partition of the topic',
    kafka_offset UInt64 COMMENT 'offset of the message'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(start)
ORDER BY (account, start, resource, sku, model, key, meter)
COMMENT 'costs of a day in the zone of the account, absolute; read with FINAL';

-- The address a notice goes to is personal and not needed here: it stays in Kafka.
CREATE TABLE IF NOT EXISTS notices
(
    id String COMMENT 'deterministic id',
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'when it fell due',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to it',
    type LowCardinality(String) COMMENT 'low_balance, receipt, …',
    currency LowCardinality(String) COMMENT 'ISO 4217',
    resource String COMMENT 'what it is about, else empty',
    locale LowCardinality(String) COMMENT 'language of the owner, else empty',
    zone LowCardinality(String) COMMENT 'time zone of the owner, else empty',
    values Map(LowCardinality(String), String) COMMENT 'what the text is filled with',
    kafka_partition UInt16 COMMENT 'partition of the topic notices',
    kafka_offset UInt64 COMMENT 'offset of the message',
    write_order UInt64 MATERIALIZED 18446744073709551615 - kafka_offset COMMENT 'greatest for the first write'
)
ENGINE = ReplacingMergeTree(write_order)
PARTITION BY toYYYYMM(time)
ORDER BY (account, time, id)
COMMENT 'what owners were told; read with FINAL';

CREATE TABLE IF NOT EXISTS commands
(
    id String COMMENT 'deterministic id',
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'when it fell due',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to it',
    type LowCardinality(String) COMMENT 'instance.stop, payment.refill, …',
    reason LowCardinality(String) COMMENT 'unpaid, expired, …',
    resource String COMMENT 'what is to be acted on, else empty',
    amount Nullable(Decimal(38, 12)) COMMENT 'of a refill',
    replicas Nullable(UInt64) COMMENT 'wanted number, of a scaling',
    kafka_partition UInt16 COMMENT 'partition of the topic commands',
    kafka_offset UInt64 COMMENT 'offset of the message',
    write_order UInt64 MATERIALIZED 18446744073709551615 - kafka_offset COMMENT 'greatest for the first write'
)
ENGINE = ReplacingMergeTree(write_order)
PARTITION BY toYYYYMM(time)
ORDER BY (account, time, id)
COMMENT 'what the control plane was asked to do; read with FINAL';

CREATE TABLE IF NOT EXISTS rejections
(
    id String COMMENT 'deterministic id',
    account String COMMENT 'account id, empty where the event named none',
    time DateTime64(3, 'UTC') COMMENT 'clock of the account, 1970-01-01 where it had none',
    cause Tuple(source String, id String) COMMENT 'the event that was refused',
    reason LowCardinality(String) COMMENT 'reason code',
    detail String COMMENT 'the reason in words',
    event String COMMENT 'the event as it came, as JSON',
    kafka_partition UInt16 COMMENT 'partition of the topic rejections',
    kafka_offset UInt64 COMMENT 'offset of the message',
    write_order UInt64 MATERIALIZED 18446744073709551615 - kafka_offset COMMENT 'greatest for the first write'
)
ENGINE = ReplacingMergeTree(write_order)
PARTITION BY toYYYYMM(time)
ORDER BY (account, time, id)
COMMENT 'events that were refused; read with FINAL';

CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String) COMMENT 'where it came from',
    kafka_partition UInt16 COMMENT 'partition of that topic',
    kafka_offset UInt64 COMMENT 'offset of the message',
    position UInt32 COMMENT 'place in the array of the message, 0 for the first or the whole',
    time DateTime64(3, 'UTC') COMMENT 'time stamp of the message',
    reason String COMMENT 'why it could not be stored',
    value String COMMENT 'the bytes; those that are no UTF-8 as \\xNN'
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, kafka_partition, kafka_offset, position)
COMMENT 'records that could not be stored: none is expected; read with FINAL';
