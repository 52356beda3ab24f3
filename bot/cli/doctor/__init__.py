"""`verlbot doctor`: checks of everything that the bot needs, with what to do where something is missing.

The library of each service has one home, and queries are made there: `bot.slack.diagnostics`,
`bot.adapters.diagnostics`, `bot.adapters.sky.sdk_queries`. Pure functions judge the answers here: `slack_checks`,
`skypilot_checks`, `installation_checks`. `runner` combines both, and `checklist` runs the checks, each with its own
deadline, and prints the findings.
"""
