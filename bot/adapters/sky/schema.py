"""SkyPilot's own check of a task, offline. SkyPilot takes seconds to import, and is imported late."""

import os
from copy import deepcopy
from typing import Any

from bot.core.recipe import Task


def find_schema_problem(task: Task) -> str | None:
    """Return why SkyPilot would reject the task, in SkyPilot's words; None where it would accept the task.

    Neither a server nor a cloud is called: this is SkyPilot's schema and its parsing of the task.
    """
    os.environ.setdefault("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
    os.environ.setdefault("SKYPILOT_DISABLE_LOCAL_API_SERVER", "1")
    import sky  # 2 s and 160 MB, which the bot's own process avoids  # noqa: PLC0415

    try:
        sky_task: Any = sky.Task.from_yaml_config(deepcopy(dict(task)))
        sky_task.validate_name()
    except Exception as error:  # SkyPilot raises many kinds; each message addresses the task's author
        return " ".join(str(error).split()) or type(error).__name__
    return None
