"""What knows a training framework. verl is the only one."""
