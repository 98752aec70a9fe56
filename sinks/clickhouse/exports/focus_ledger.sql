-- FOCUS 1.2, Cost and Usage: a row for each posting that is a charge of FOCUS and no charge of ours.
--
-- Where a profile sells credits, buying them is a Purchase (refunded and charged back: a negative one) that is not
-- effective before they are used. Credit that was given is a Credit; of credits that cost nothing the costs are 0.
-- What is left of a package after a change of mode is a negative Purchase and a negative use. Money paid into a balance in money is a
-- payment and not here. So Σ BilledCost of an account = -Σ of its postings other than payments, and where credits
-- are sold = Σ of its payments.
WITH
    {per:Array(Decimal(38, 12))}[indexOf({profiles:Array(String)}, profile)] AS per_unit,
    per_unit > 0 AS sells_credits,
    transform(profile, {profiles:Array(String)}, {titles:Array(String)}, toString(profile)) AS provider,
    type IN ('grant', 'coupon') AS is_given,
    -- Credits are priced by the one, what is left of a package as a whole.
    multiIf(is_given, NULL, sells_credits, CAST(divideDecimal(toDecimal256(1, 12), toDecimal256(if(sells_credits, per_unit, toDecimal128(1, 12)), 12), 12), 'Decimal(38, 12)'), amount) AS unit_cost,
    if(sells_credits, toDecimal256(amount, 12), -toDecimal256(amount, 12)) AS cost,
    if(category = 'Usage' OR (is_given AND sells_credits), toDecimal256(0, 12), cost) AS billed,
    if(category = 'Purchase' OR sells_credits, toDecimal256(0, 12), cost) AS effective,
    instant -> formatDateTime(instant, '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS told,
    toStartOfMonth(time, 'UTC') AS month,
    multiIf(is_given, NULL, sells_credits, 'credits', 'term-refund') AS item
SELECT
    billed AS BilledCost,
    account AS BillingAccountId,
    account AS BillingAccountName,
    'Account' AS BillingAccountType,
    currency AS BillingCurrency,
    told(toDateTime(addMonths(month, 1), 'UTC')) AS BillingPeriodEnd,
    told(toDateTime(month, 'UTC')) AS BillingPeriodStart,
    category AS ChargeCategory,
    CAST(NULL, 'Nullable(String)') AS ChargeClass,
    concat(type, ' to ', bucket, ': ', toString(amount), ' ', currency) AS ChargeDescription,
    if(category = 'Usage', 'Usage-Based', 'One-Time') AS ChargeFrequency,
    told(toDateTime(time, 'UTC') + 1) AS ChargePeriodEnd,
    told(toDateTime(time, 'UTC')) AS ChargePeriodStart,
    if(category = 'Usage', toDecimal128(-1, 12), NULL) AS ConsumedQuantity,
    if(category = 'Usage', 'Terms', NULL) AS ConsumedUnit,
    if(is_given, billed, cost) AS ContractedCost,
    unit_cost AS ContractedUnitPrice,
    effective AS EffectiveCost,
    provider AS HostProviderName,
    CAST(NULL, 'Nullable(String)') AS InvoiceId,
    provider AS InvoiceIssuerName,
    if(is_given, billed, cost) AS ListCost,
    unit_cost AS ListUnitPrice,
    if(is_given, NULL, 'Standard') AS PricingCategory,
    toString(currency) AS PricingCurrency,
    toDecimal256(unit_cost, 12) AS PricingCurrencyContractedUnitPrice,
    effective AS PricingCurrencyEffectiveCost,
    toDecimal256(unit_cost, 12) AS PricingCurrencyListUnitPrice,
    multiIf(is_given, NULL, sells_credits, CAST(toDecimal256(amount, 12) * per_unit, 'Decimal(38, 12)'), toDecimal128(-1, 12)) AS PricingQuantity,
    multiIf(is_given, NULL, sells_credits, {credit_name:String}, 'Terms') AS PricingUnit,
    provider AS ProviderName,
    provider AS PublisherName,
    if(is_given, NULL, nullIf(payment, '')) AS ResourceId,
    CAST(NULL, 'Nullable(String)') AS ResourceName,
    if(is_given OR payment = '', NULL, 'Payment') AS ResourceType,
    'Other' AS ServiceCategory,
    'Balance' AS ServiceName,
    provider AS ServiceProviderName,
    'Other (Other)' AS ServiceSubcategory,
    item AS SkuId,
    item AS SkuMeter,
    CAST(NULL, 'Nullable(String)') AS SkuPriceDetails,
    if(item = 'credits', concat('credits/', toString(per_unit)), item) AS SkuPriceId,
    account AS SubAccountId,
    account AS SubAccountName,
    'Account' AS SubAccountType,
    CAST(NULL, 'Nullable(String)') AS x_ApiKey,
    CAST(NULL, 'Nullable(String)') AS x_Corrects,
    toString(profile) AS x_Profile,
    id AS x_RecordId,
    CAST(NULL, 'Nullable(String)') AS x_RequestId,
    CAST(NULL, 'Nullable(String)') AS x_Rule,
    if(sells_credits, {credit_name:String}, NULL) AS x_VirtualCurrency,
    if(sells_credits, toDecimal256(0, 12), NULL) AS x_VirtualCurrencyEffectiveCost,
    CAST(NULL, 'Nullable(Decimal(76, 12))') AS x_VirtualCurrencyUnitPrice
FROM
(
    SELECT account, time, seq, type, bucket, amount, currency, payment, id
    FROM entries FINAL
    WHERE time >= {from:DateTime64(3, 'UTC')} AND time < {to:DateTime64(3, 'UTC')} AND type NOT IN ('charge', 'correction')
) AS postings
ANY LEFT JOIN (SELECT account, profile FROM balances FINAL) AS holders USING (account)
ARRAY JOIN multiIf(type IN ('grant', 'coupon'), ['Credit'], payment = '' AND type = 'refund' AND {per:Array(Decimal(38, 12))}[indexOf({profiles:Array(String)}, profile)] = 0, ['Purchase', 'Usage'], ['Purchase']) AS category
WHERE is_given OR sells_credits OR (type = 'refund' AND payment = '')
