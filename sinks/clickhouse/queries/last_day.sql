-- On which day, on its calendar, was an account last charged?
SELECT maxOrNull(x_Day) FROM costs_by_day WHERE SubAccountId = {account:String}
