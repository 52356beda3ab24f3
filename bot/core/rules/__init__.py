"""Decisions: pure functions of records, observations and time."""
