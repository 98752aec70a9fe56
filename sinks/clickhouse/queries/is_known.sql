-- Is there such an account? Without a balance yet, it is known by what it was charged.
SELECT count() > 0 FROM
(
    SELECT 1 FROM charges WHERE account = {account:String} LIMIT 1
    UNION ALL SELECT 1 FROM entries WHERE account = {account:String} LIMIT 1
)
