-- In which currency is an account charged that has no balance yet?
SELECT any(currency) FROM charges WHERE account = {account:String}
