"""What dbt needs to know of the views."""
