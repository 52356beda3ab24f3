"""What may be typed: commands, one table of their forms, and the parser."""
