-- What did it cost by day, resource, model, sku, key and meter? Columns are those of FOCUS where it has them.
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
-- An account keeps its zone, so the day is a function of the key, and FINAL may skip the parts without that day.
SETTINGS use_skip_indexes_if_final_exact_mode = 0
COMMENT 'costs of each account and day, a row for each resource, sku, model, key and meter';
