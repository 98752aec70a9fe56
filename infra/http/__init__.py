"""What the HTTP service is handed that needs more than one sink: the way of events to Kafka, the tokens."""
