-- What did a calendar month cost? Months are those of the account's own calendar, as its days are.
CREATE OR REPLACE VIEW month_spend
(
    account String COMMENT 'account id',
    month Date COMMENT 'first day of the month',
    amount Decimal(76, 12) COMMENT 'in currency',
    currency String COMMENT 'ISO 4217',
    charges UInt64 COMMENT 'number of charges in it'
)
AS SELECT
    account,
    toStartOfMonth(day) AS month,
    sum(toDecimal256(daily_costs.amount, 12)) AS amount,
    currency,
    sum(daily_costs.charges) AS charges
FROM daily_costs FINAL
GROUP BY account, month, currency
-- An account keeps its zone, so the day is a function of the key, and FINAL may skip the parts without that day.
SETTINGS use_skip_indexes_if_final_exact_mode = 0
COMMENT 'costs of each account and calendar month';
