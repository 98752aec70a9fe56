-- How fast does an account spend now?
SELECT running, stored, requests, per_hour FROM burn_now WHERE account = {account:String}
