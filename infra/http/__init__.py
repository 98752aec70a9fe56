"""What the HTTP service is handed, made from the settings: an area a file."""
