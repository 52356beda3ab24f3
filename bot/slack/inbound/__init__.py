"""What comes in from Slack: deliveries, commands, forms."""
