"""Data and its transitions."""
