"""Everything Slack: incoming deliveries, the views that people see, outgoing messages."""
