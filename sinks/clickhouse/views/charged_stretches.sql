-- Which stretches of running time did a deployment pay for, net of corrections? A stretch is what its line covered:
-- a started hour, a clock hour, a minute. Parameters: account, since, until; stretches that overlap [since, until).
CREATE OR REPLACE VIEW charged_stretches AS
SELECT
    resource, start, end,
    any(sku) AS sku,
    any(model) AS model,
    any(currency) AS currency,
    -- A correction has the period of the line that it corrects, and a later time.
    sum(toDecimal256(quantity, 12)) AS hours,
    sum(toDecimal256(amount, 12)) AS cost
FROM charges FINAL
WHERE account = {account:String} AND resource != '' AND request = '' AND meter IN ('duration', 'replica_duration')
    AND time >= {since:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
    AND end > {since:DateTime64(3, 'UTC')} AND start < {until:DateTime64(3, 'UTC')}
GROUP BY resource, start, end
COMMENT 'net charge of each stretch; a view with parameters';
