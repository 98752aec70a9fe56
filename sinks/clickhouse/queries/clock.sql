-- What time is it for an account, and what day on its calendar?
SELECT account, profile, balance, currency, zone, now, today FROM account_clocks WHERE account = {account:String}
