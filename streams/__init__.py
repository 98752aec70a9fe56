"""The verbs of meterstream: `ingest` writes the journal, `worker` folds it, `core` is the pure fold they serve."""
