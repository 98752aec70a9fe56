"""Dashboards for Grafana: a data source, three pages, and what makes them."""
