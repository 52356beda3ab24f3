"""SkyPilot through its own SDK: clusters that are launched once, seen as they are, and removed.

`cloud` is the port. What it asks for stands in `calls`, which alone imports SkyPilot, and is carried
out by a `courier` in a process of its own: SkyPilot's client waits for up to ten minutes where a
server says 503, for ever where it says nothing, and cannot be interrupted; a launch that was given up
must not be sent after all. `records` travel between the processes; `meaning` turns them into what was
seen, and `errors` SkyPilot's exceptions into words.
"""
