"""The shapes: events, records, profiles, and the pages generated from them."""
