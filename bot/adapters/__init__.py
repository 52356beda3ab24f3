"""Doers: each translates between the bot's words and one outside thing, and decides nothing."""
