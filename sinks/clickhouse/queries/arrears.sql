-- How much is owed, by currency and age?
SELECT debts.currency AS currency, debts.age AS age, count() AS accounts, sum(toDecimal256(debts.owed, 12)) AS owed
FROM arrears_ageing AS debts GROUP BY currency, age ORDER BY currency, min(debts.days)
