"""Traces of what the bot does, in OpenTelemetry's format; the only importer of opentelemetry."""
