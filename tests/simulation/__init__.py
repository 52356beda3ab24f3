"""Seeded simulation: the real bot over doubles, one source of time and of faults, and promises checked after each
schedule. `make simulate` runs many; `make simulate SEED=7` repeats one exactly.
"""
