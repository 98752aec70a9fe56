-- Which money came and went, usage aside (PD-32)? The ledger without charges and their corrections.
CREATE OR REPLACE VIEW transactions
(
    account String COMMENT 'account id',
    time DateTime64(3, 'UTC') COMMENT 'when it was posted',
    seq UInt64 COMMENT 'number of the posting in its account',
    type String COMMENT 'topup, grant, coupon, refund or chargeback',
    bucket String COMMENT 'free, trial, bonus or paid',
    amount Decimal(38, 12) COMMENT 'signed, in currency',
    balance Decimal(38, 12) COMMENT 'of the account, after it',
    currency String COMMENT 'ISO 4217',
    payment String COMMENT 'id of the payment, else empty',
    cause Tuple(source String, id String) COMMENT 'event, or timer, that led to it'
)
AS SELECT account, time, seq, type, bucket, amount, balance, currency, payment, cause
FROM entries FINAL
WHERE type NOT IN ('charge', 'correction')
COMMENT 'payments, grants, coupons, refunds, chargebacks';
