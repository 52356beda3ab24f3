"""`verlbot doctor`: everything that the bot needs, looked at one by one, with what to do where something lacks.

Asking is done where the asked one's library lives: `bot.slack.vitals`, `bot.adapters.vitals`,
`bot.adapters.sky.vitals`. What they bring is judged here by pure functions: `slack`, `store`, `sky`, `machine`.
`checks` puts both together, `visit` carries the checks out, each in its own time, and `page` shows what was found.
"""
