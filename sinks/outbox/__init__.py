"""What the exits share that send one thing at a time to the outside world: a durable queue, patience, and an account of it.

A record of Kafka is committed once what follows from it is in the queue (`store`, SQLite); the queue is worked off by
`dispatch` with the patience of `backoff`; every change of state is reported to the topic `deliveries` (`kafka`).
"""
