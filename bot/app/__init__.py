"""Use cases and loops: what people may ask for, and what time makes so."""
