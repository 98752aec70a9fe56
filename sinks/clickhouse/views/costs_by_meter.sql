-- What does each account pay for: hours, tokens, gigabytes? By day of its calendar.
CREATE OR REPLACE VIEW costs_by_meter
(
    SubAccountId String COMMENT 'account id',
    ChargePeriodStart DateTime64(3, 'UTC') COMMENT 'begin of the day in the zone of the account',
    ChargePeriodEnd DateTime64(3, 'UTC') COMMENT 'end of that day, not included',
    x_Day Date COMMENT 'the day on the calendar of the account',
    SkuMeter String COMMENT 'what the quantity counts',
    ConsumedQuantity Decimal(76, 12) COMMENT 'in ConsumedUnit',
    ConsumedUnit String COMMENT 'unit as FOCUS writes it; a meter with several units has a row for each',
    BilledCost Decimal(76, 12) COMMENT 'in BillingCurrency',
    BillingCurrency String COMMENT 'ISO 4217',
    x_Charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    SubAccountId, ChargePeriodStart, ChargePeriodEnd, x_Day, SkuMeter, sum(ConsumedQuantity) AS ConsumedQuantity,
    ConsumedUnit, sum(BilledCost) AS BilledCost, BillingCurrency, sum(x_Charges) AS x_Charges
FROM costs_by_day
GROUP BY SubAccountId, ChargePeriodStart, ChargePeriodEnd, x_Day, SkuMeter, ConsumedUnit, BillingCurrency
COMMENT 'costs of each account, day and meter';
