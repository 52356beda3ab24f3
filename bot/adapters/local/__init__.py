"""Local compute: SkyPilot's behaviour with processes of this machine, for the demo, the tests and a first try.

A cluster is a folder and a supervisor process; a node is a process in a session of its own. All of it continues without
the bot, as a real cluster would, and the bot finds it again by its name.
"""
