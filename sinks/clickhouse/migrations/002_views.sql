-- What analysts read: no view shows a row twice, whatever was written twice, and sums do not overflow.
--
-- Names are those of FOCUS 1.2 where FOCUS has the column; x_ marks our own. Costs are those of the windows
-- hourly.costs and daily.costs; a charge is in the hour and day in which it fell due.

CREATE OR REPLACE VIEW costs_by_hour
(
    SubAccountId String COMMENT 'account id',
    ServiceProviderName String COMMENT 'provider profile of the account',
    ChargePeriodStart DateTime64(3, 'UTC') COMMENT 'begin of the hour, UTC',
    ChargePeriodEnd DateTime64(3, 'UTC') COMMENT 'end of the hour, not included',
    ServiceCategory String COMMENT 'Compute, Storage, or AI and Machine Learning',
    ServiceName String COMMENT 'GPU instances, Storage, Model hosting, or Model API',
    ResourceId String COMMENT 'instance, disk or model, else empty',
    SkuId String COMMENT 'what was priced',
    SkuMeter String COMMENT 'what the quantity counts',
    x_Model String COMMENT 'served model, else empty',
    x_ApiKey String COMMENT 'API key, else empty',
    ConsumedQuantity Decimal(76, 12) COMMENT 'in ConsumedUnit; negative where usage was taken back',
    ConsumedUnit String COMMENT 'unit as FOCUS writes it',
    BilledCost Decimal(76, 12) COMMENT 'in BillingCurrency; negative where money was given back',
    BillingCurrency String COMMENT 'ISO 4217',
    x_Charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    account AS SubAccountId,
    profile AS ServiceProviderName,
    start AS ChargePeriodStart,
    end AS ChargePeriodEnd,
    multiIf(meter = 'capacity', 'Storage', meter IN ('duration', 'term'), 'Compute', 'AI and Machine Learning') AS ServiceCategory,
    multiIf(
        meter = 'capacity', 'Storage',
        meter IN ('duration', 'term'), 'GPU instances',
        meter IN ('replica_duration', 'runtime'), 'Model hosting',
        'Model API') AS ServiceName,
    resource AS ResourceId,
    sku AS SkuId,
    meter AS SkuMeter,
    model AS x_Model,
    key AS x_ApiKey,
    quantity AS ConsumedQuantity,
    transform(
        toString(unit),
        ['hour', 'second', 'GB-hour', 'GB-day', '1M tokens', '1M characters', 'image', 'video', 'term'],
        ['Hours', 'Seconds', 'GB-Hours', 'GB-Days', '1000000 Tokens', '1000000 Characters', 'Images', 'Videos', 'Terms'],
        toString(unit)) AS ConsumedUnit,
    amount AS BilledCost,
    currency AS BillingCurrency,
    charges AS x_Charges
FROM hourly_costs FINAL
COMMENT 'costs of each account and hour, a row for each resource, sku, model, key and meter';

CREATE OR REPLACE VIEW costs_by_day
(
    SubAccountId String COMMENT 'account id',
    ServiceProviderName String COMMENT 'provider profile of the account',
    ChargePeriodStart DateTime64(3, 'UTC') COMMENT 'begin of the day in the zone of the account',
    ChargePeriodEnd DateTime64(3, 'UTC') COMMENT 'end of the day, not included',
    x_Day Date COMMENT 'the day on the calendar of the account',
    ServiceCategory String COMMENT 'Compute, Storage, or AI and Machine Learning',
    ServiceName String COMMENT 'GPU instances, Storage, Model hosting, or Model API',
    ResourceId String COMMENT 'instance, disk or model, else empty',
    SkuId String COMMENT 'what was priced',
    SkuMeter String COMMENT 'what the quantity counts',
    x_Model String COMMENT 'served model, else empty',
    x_ApiKey String COMMENT 'API key, else empty',
    ConsumedQuantity Decimal(76, 12) COMMENT 'in ConsumedUnit; negative where usage was taken back',
    ConsumedUnit String COMMENT 'unit as FOCUS writes it',
    BilledCost Decimal(76, 12) COMMENT 'in BillingCurrency; negative where money was given back',
    BillingCurrency String COMMENT 'ISO 4217',
    x_Charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    account AS SubAccountId,
    profile AS ServiceProviderName,
    start AS ChargePeriodStart,
    end AS ChargePeriodEnd,
    day AS x_Day,
    multiIf(meter = 'capacity', 'Storage', meter IN ('duration', 'term'), 'Compute', 'AI and Machine Learning') AS ServiceCategory,
    multiIf(
        meter = 'capacity', 'Storage',
        meter IN ('duration', 'term'), 'GPU instances',
        meter IN ('replica_duration', 'runtime'), 'Model hosting',
        'Model API') AS ServiceName,
    resource AS ResourceId,
    sku AS SkuId,
    meter AS SkuMeter,
    model AS x_Model,
    key AS x_ApiKey,
    quantity AS ConsumedQuantity,
    transform(
        toString(unit),
        ['hour', 'second', 'GB-hour', 'GB-day', '1M tokens', '1M characters', 'image', 'video', 'term'],
        ['Hours', 'Seconds', 'GB-Hours', 'GB-Days', '1000000 Tokens', '1000000 Characters', 'Images', 'Videos', 'Terms'],
        toString(unit)) AS ConsumedUnit,
    amount AS BilledCost,
    currency AS BillingCurrency,
    charges AS x_Charges
FROM daily_costs FINAL
COMMENT 'costs of each account and day, a row for each resource, sku, model, key and meter';

CREATE OR REPLACE VIEW costs_by_resource
(
    SubAccountId String COMMENT 'account id',
    ChargePeriodStart DateTime64(3, 'UTC') COMMENT 'begin of the day in the zone of the account',
    ChargePeriodEnd DateTime64(3, 'UTC') COMMENT 'end of that day, not included',
    x_Day Date COMMENT 'the day on the calendar of the account',
    ResourceId String COMMENT 'instance, disk or model; empty for requests without one',
    ConsumedQuantity Decimal(76, 12) COMMENT 'in ConsumedUnit',
    ConsumedUnit String COMMENT 'unit as FOCUS writes it; a resource with several units has a row for each',
    BilledCost Decimal(76, 12) COMMENT 'in BillingCurrency',
    BillingCurrency String COMMENT 'ISO 4217',
    x_Charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    SubAccountId,
    ChargePeriodStart,
    ChargePeriodEnd,
    x_Day,
    ResourceId,
    sum(ConsumedQuantity) AS ConsumedQuantity,
    ConsumedUnit,
    sum(BilledCost) AS BilledCost,
    BillingCurrency,
    sum(x_Charges) AS x_Charges
FROM costs_by_day
GROUP BY SubAccountId, ChargePeriodStart, ChargePeriodEnd, x_Day, ResourceId, ConsumedUnit, BillingCurrency
COMMENT 'costs of each account, day and resource';

CREATE OR REPLACE VIEW costs_by_model
(
    SubAccountId String COMMENT 'account id',
    ChargePeriodStart DateTime64(3, 'UTC') COMMENT 'begin of the day in the zone of the account',
    ChargePeriodEnd DateTime64(3, 'UTC') COMMENT 'end of that day, not included',
    x_Day Date COMMENT 'the day on the calendar of the account',
    x_Model String COMMENT 'served model; empty for usage without one',
    ConsumedQuantity Decimal(76, 12) COMMENT 'in ConsumedUnit',
    ConsumedUnit String COMMENT 'unit as FOCUS writes it; a model with several units has a row for each',
    BilledCost Decimal(76, 12) COMMENT 'in BillingCurrency',
    BillingCurrency String COMMENT 'ISO 4217',
    x_Charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    SubAccountId,
    ChargePeriodStart,
    ChargePeriodEnd,
    x_Day,
    x_Model,
    sum(ConsumedQuantity) AS ConsumedQuantity,
    ConsumedUnit,
    sum(BilledCost) AS BilledCost,
    BillingCurrency,
    sum(x_Charges) AS x_Charges
FROM costs_by_day
GROUP BY SubAccountId, ChargePeriodStart, ChargePeriodEnd, x_Day, x_Model, ConsumedUnit, BillingCurrency
COMMENT 'costs of each account, day and model';

CREATE OR REPLACE VIEW costs_by_sku
(
    SubAccountId String COMMENT 'account id',
    ChargePeriodStart DateTime64(3, 'UTC') COMMENT 'begin of the day in the zone of the account',
    ChargePeriodEnd DateTime64(3, 'UTC') COMMENT 'end of that day, not included',
    x_Day Date COMMENT 'the day on the calendar of the account',
    SkuId String COMMENT 'what was priced',
    ConsumedQuantity Decimal(76, 12) COMMENT 'in ConsumedUnit',
    ConsumedUnit String COMMENT 'unit as FOCUS writes it; a sku with several units has a row for each',
    BilledCost Decimal(76, 12) COMMENT 'in BillingCurrency',
    BillingCurrency String COMMENT 'ISO 4217',
    x_Charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    SubAccountId,
    ChargePeriodStart,
    ChargePeriodEnd,
    x_Day,
    SkuId,
    sum(ConsumedQuantity) AS ConsumedQuantity,
    ConsumedUnit,
    sum(BilledCost) AS BilledCost,
    BillingCurrency,
    sum(x_Charges) AS x_Charges
FROM costs_by_day
GROUP BY SubAccountId, ChargePeriodStart, ChargePeriodEnd, x_Day, SkuId, ConsumedUnit, BillingCurrency
COMMENT 'costs of each account, day and sku';

CREATE OR REPLACE VIEW costs_by_key
(
    SubAccountId String COMMENT 'account id',
    ChargePeriodStart DateTime64(3, 'UTC') COMMENT 'begin of the day in the zone of the account',
    ChargePeriodEnd DateTime64(3, 'UTC') COMMENT 'end of that day, not included',
    x_Day Date COMMENT 'the day on the calendar of the account',
    x_ApiKey String COMMENT 'API key; empty for usage without one',
    ConsumedQuantity Decimal(76, 12) COMMENT 'in ConsumedUnit',
    ConsumedUnit String COMMENT 'unit as FOCUS writes it; a key with several units has a row for each',
    BilledCost Decimal(76, 12) COMMENT 'in BillingCurrency',
    BillingCurrency String COMMENT 'ISO 4217',
    x_Charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    SubAccountId,
    ChargePeriodStart,
    ChargePeriodEnd,
    x_Day,
    x_ApiKey,
    sum(ConsumedQuantity) AS ConsumedQuantity,
    ConsumedUnit,
    sum(BilledCost) AS BilledCost,
    BillingCurrency,
    sum(x_Charges) AS x_Charges
FROM costs_by_day
GROUP BY SubAccountId, ChargePeriodStart, ChargePeriodEnd, x_Day, x_ApiKey, ConsumedUnit, BillingCurrency
COMMENT 'costs of each account, day and key';

CREATE OR REPLACE VIEW ledger
(
    account String COMMENT 'account id',
    seq UInt64 COMMENT 'number of the posting in its account: 1, 2, 3, … without gaps',
    time DateTime64(3, 'UTC') COMMENT 'when it fell due',
    type String COMMENT 'topup, charge, grant, coupon, refund, chargeback, correction',
    bucket String COMMENT 'free, trial, bonus, paid',
    amount Decimal(38, 12) COMMENT 'signed, in currency',
    balance Decimal(38, 12) COMMENT 'of the account, after the posting',
    currency String COMMENT 'ISO 4217',
    charge String COMMENT 'id of the charge that it pays, else empty',
    payment String COMMENT 'id of the payment, else empty',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to it',
    id String COMMENT 'deterministic id of the posting',
    hash String COMMENT 'hash over this posting and the hash before it'
)
AS SELECT account, seq, time, type, bucket, amount, balance, currency, charge, payment, cause, id, hash
FROM entries FINAL
COMMENT 'every posting once';

CREATE OR REPLACE VIEW current_balances
(
    account String COMMENT 'account id',
    profile String COMMENT 'provider profile',
    balance Decimal(38, 12) COMMENT 'after posting seq, in currency',
    currency String COMMENT 'ISO 4217',
    buckets Map(String, Decimal(38, 12)) COMMENT 'parts of the balance',
    flags Array(String) COMMENT 'such as disputed',
    keys Map(String, String) COMMENT 'API keys and their tiers',
    seq UInt64 COMMENT 'number of the last posting that is in the balance',
    time DateTime64(3, 'UTC') COMMENT 'when the balance came to be'
)
AS SELECT account, profile, balance, currency, buckets, flags, keys, seq, time
FROM balances FINAL
COMMENT 'the balance of each account after its last posting';

-- For operators: it reads the whole ledger, in the order of its key, so that memory grows with accounts only.
CREATE OR REPLACE VIEW gaps
(
    account String COMMENT 'account id',
    first_seq UInt64 COMMENT 'must be 1',
    last_seq UInt64 COMMENT 'number of the last posting',
    entries UInt64 COMMENT 'numbers that are there; must equal last_seq',
    conflicts UInt64 COMMENT 'numbers that were written with two contents and are not yet merged; must be 0',
    drift Decimal(76, 12) COMMENT 'last balance less the sum of all postings; must be 0'
)
AS SELECT account, first_seq, last_seq, entries, conflicts, drift
FROM
(
    SELECT
        account,
        min(seq) AS first_seq,
        max(seq) AS last_seq,
        count() AS entries,
        argMax(toDecimal256(balance, 12), seq) - sum(toDecimal256(amount, 12)) AS drift
    FROM entries FINAL
    GROUP BY account
) AS kept
INNER JOIN
(
    SELECT account, countIf(contents > 1) AS conflicts
    FROM (SELECT account, seq, uniqExact(id, hash, amount) AS contents FROM entries GROUP BY account, seq)
    GROUP BY account
) AS written USING (account)
WHERE first_seq != 1 OR last_seq != entries OR conflicts > 0 OR drift != 0
SETTINGS optimize_aggregation_in_order = 1
COMMENT 'accounts whose ledger has a gap, a conflict or a wrong sum: must be empty';
