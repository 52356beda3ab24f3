"""What the `verlbot` command does besides running the bot."""
