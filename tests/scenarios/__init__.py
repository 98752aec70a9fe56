"""Stories: events in, records out, one file a group of requirements."""
