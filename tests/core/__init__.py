"""The pure engine, part by part."""
