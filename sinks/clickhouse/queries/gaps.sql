-- How many accounts have a gap, a conflict or a wrong sum in their ledger? Reads everything.
SELECT count() FROM gaps
