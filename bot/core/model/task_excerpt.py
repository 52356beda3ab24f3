"""A task as people read it before a launch: without the bot's own part, its scripts cut short. Pure."""

from bot.core.model.recipe import Task

PREVIEW_SCRIPT_LINES = 6
"""Maximum lines of each script in a launch preview: those that the bot adds, and a few of the recipe's own."""


def shorten_task(task: Task) -> Task:
    """Return the task without the bot's own metadata, and with its scripts cut after the lines that the bot adds."""
    scripts = {key: shorten_script(str(task[key])) for key in ("setup", "run") if task.get(key)}
    return {key: scripts.get(key, value) for key, value in task.items() if key != "_metadata"}


def shorten_script(script: str) -> str:
    """Return the first lines of a script, and how many more there are.

    >>> shorten_script("a" + chr(10) * PREVIEW_SCRIPT_LINES + "b" + chr(10)).splitlines()[-1]
    '# … and 1 more line, as in the recipe'
    """
    lines = script.splitlines()
    if (more := len(lines) - PREVIEW_SCRIPT_LINES) > 0:
        lines[PREVIEW_SCRIPT_LINES:] = [f"# … and {more} more line{'' if more == 1 else 's'}, as in the recipe"]
    return "\n".join(lines) + "\n"
