-- Accounts whose ledger has a gap, a conflict or a wrong sum: none is expected. Reads the whole ledger.
SELECT count() AS accounts FROM gaps
