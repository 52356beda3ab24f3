"""Adapters: each one translates between the bot's words and one outside system, and decides nothing."""
