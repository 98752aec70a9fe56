"""The demo: a month of event time through the real pipeline, and what came of it.

`script` collects what happens, `stories` tell it provider by provider, `stage` makes an empty pipeline ready,
`play` sends the month day by day and kills the worker on the way, `curtain` shows the result.
"""
