"""SkyPilot's own judgement of a task, offline; SkyPilot takes seconds to import, and is imported late."""

import os
from copy import deepcopy
from typing import Any

from bot.core.recipe import Task


def problem(task: Task) -> str | None:
    """Why SkyPilot would not accept the task, in its own words; None where it would.

    Nothing is asked of a server or a cloud: this is SkyPilot's schema and its parsing of the task.
    """
    os.environ.setdefault("SKYPILOT_DISABLE_USAGE_COLLECTION", "1")
    os.environ.setdefault("SKYPILOT_DISABLE_LOCAL_API_SERVER", "1")
    import sky  # 2 s and 160 MB, which the bot itself need not bear  # noqa: PLC0415

    try:
        parsed: Any = sky.Task.from_yaml_config(deepcopy(dict(task)))
        parsed.validate_name()
    except Exception as error:  # SkyPilot raises many kinds; each message is written for the author of the task
        return " ".join(str(error).split()) or type(error).__name__
    return None
