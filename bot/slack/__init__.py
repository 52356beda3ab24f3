"""Everything Slack: what comes in, what people see, what goes out."""
