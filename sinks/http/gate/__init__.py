"""The gate: may the holder of this API key be served now? `decision` says it, `view` knows it, `front` answers."""
