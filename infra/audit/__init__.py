"""Proof that the money is right: the journal folded again and held against everything that was made of it.

Read in this order: `refold` (a partition of the journal through the pure engine), `topics` (reading Kafka from
end to end), `observed` (what worker, topics and ClickHouse hold), `running`, `twins` and `states` (the pure
comparisons), `reconcile` (all of it), then `replay` and `explain`, which use the same refold.
"""
