"""Ingest: the only writer of the journal. Every input event is in it once, in one order, or on `rejections`.

`reading` a Kafka message becomes items or faults · `merge` three inputs become one order · `identities` what
was seen before · `packer` events become journal records · `partition` all of these for one partition, pure ·
`store` the index on disk · `recovery` the index from the journal · `transaction` all or nothing · `loop` runs it.
"""
