"""Everything that knows verl: its log and the layout of its checkpoints."""
