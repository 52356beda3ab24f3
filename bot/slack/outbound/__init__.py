"""What goes out to Slack: messages compared with the records, sent once, edited in place."""
