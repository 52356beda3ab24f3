"""Every word and block that people see. Pure."""
