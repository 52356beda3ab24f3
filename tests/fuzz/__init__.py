"""Fuzzing: hostile text and broken messages, made from real ones, against every place where they enter."""
