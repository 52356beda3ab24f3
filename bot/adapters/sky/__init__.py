"""SkyPilot through its own SDK: clusters that are launched once, observed as they are, and removed.

`sky_cloud` implements the port. The functions that it needs are in `sdk_clusters`, `sdk_jobs` and `sdk_queries`, which
alone import SkyPilot; an `sdk_worker` runs each call in a process of its own. SkyPilot's client waits for up to ten
minutes where a server answers 503, waits forever where a server says nothing, and cannot be interrupted; a launch that
the bot has given up must not be sent later. `sky_records` travel between the processes; `mapping` turns them into
observations, and `sdk_client` describes SkyPilot's exceptions in words.
"""
