"""The worker: Faust drives it, `streams.core` decides, Kafka remembers.

Read in this order: `folder` (what one journal record does to the accounts of a partition), `engine` (what is
written when, and what is acknowledged last), `rows` (the tables and their monotonic recovery), then how Faust
is bent to it: `tables`, `transport`, `app`. `folder`, `engine` and `rows` know neither Faust nor Kafka: the crash
schedules of tests/chaos run exactly this code against a simulated broker.
"""
