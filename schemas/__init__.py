"""The nouns of meterstream: what goes in, what comes out, what it costs. No behaviour, no IO.

`values` constrained scalars · `events` what producers send · `records` what the pipeline writes ·
`envelope` CloudEvents content modes · `wire` the fast decoders made from the models ·
`topics` the table of Kafka topics · `profile` the shape of a provider's profile · `profiles/` the shipped ones.
"""
