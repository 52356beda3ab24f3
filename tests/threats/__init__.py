"""What may attack the bot, what stops it, and a mutant of each guard: one row a threat, in the TOML files here."""
