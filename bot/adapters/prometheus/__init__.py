"""The bot's metrics in Prometheus' format; the only importer of prometheus_client."""
