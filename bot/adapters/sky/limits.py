"""What SkyPilot cannot be asked for by the bot, or not on some infra. Pure: a task in, words out."""

from collections.abc import Iterator, Mapping

from bot.core.plan import resources
from bot.core.recipe import Task
from bot.language import mark, say

SLURM_CANNOT = {
    (False, False): "",
    (True, False): mark("Slurm without containers takes no image: add `image=none`."),
    (False, True): mark("Slurm without containers opens no ports: add `ports=none`."),
    (True, True): mark(
        "Slurm without containers takes no image and opens no ports: add `image=none` and `ports=none`."
    ),
}
"""By whether an image and whether ports are asked for."""


def local_paths(task: Task) -> list[str]:
    """Files of this machine that the task would have uploaded.

    >>> local_paths({"workdir": ".", "file_mounts": {"/data": "s3://data", "/src": "~/src"}})
    ['`.`', '`~/src`']
    """
    return [f"`{source}`" for source in sources(task) if "://" not in source]


def sources(task: Task) -> Iterator[str]:
    if isinstance(task.get("workdir"), str):
        yield task["workdir"]
    for mount in (task.get("file_mounts") or {}).values():
        source = mount.get("source") if isinstance(mount, Mapping) else mount
        yield from [source] if isinstance(source, str) else source or []


def slurm_refusal(task: Task) -> str | None:
    """What a Slurm cluster cannot do, with what to type instead (sky/clouds/slurm.py); None where it can.

    >>> slurm_refusal({"resources": {"image_id": "docker:a", "ports": 8265}})
    'Slurm without containers takes no image and opens no ports: add `image=none` and `ports=none`.'
    """
    asked = resources(task)
    if asked.get("use_spot"):
        return say("Slurm has no spot machines: leave out `spot=true`, or choose a recipe without `use_spot`.")
    return say(SLURM_CANNOT[bool(asked.get("image_id")), bool(asked.get("ports"))]) or None
