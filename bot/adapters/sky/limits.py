"""What SkyPilot does not support for the bot, or not on some infra. Pure: a task in, words out."""

from collections.abc import Iterator, Mapping

from bot.core.plan import resources
from bot.core.recipe import Task
from bot.language import N_, translate

SLURM_REFUSALS = {
    (False, False): "",
    (True, False): N_("Slurm without containers takes no image: add `image=none`."),
    (False, True): N_("Slurm without containers opens no ports: add `ports=none`."),
    (True, True): N_("Slurm without containers takes no image and opens no ports: add `image=none` and `ports=none`."),
}
"""Why Slurm refuses the task, by whether it requests an image and whether it requests ports."""


def find_local_paths(task: Task) -> list[str]:
    """Return the files of this machine that SkyPilot would upload for the task.

    >>> find_local_paths({"workdir": ".", "file_mounts": {"/data": "s3://data", "/src": "~/src"}})
    ['`.`', '`~/src`']
    """
    return [f"`{source}`" for source in find_sources(task) if "://" not in source]


def find_sources(task: Task) -> Iterator[str]:
    """Yield the task's working directory and the sources of its file mounts."""
    if isinstance(task.get("workdir"), str):
        yield task["workdir"]
    for mount in (task.get("file_mounts") or {}).values():
        source = mount.get("source") if isinstance(mount, Mapping) else mount
        yield from [source] if isinstance(source, str) else source or []


def find_slurm_refusal(task: Task) -> str | None:
    """Return what Slurm does not support, with what to type instead (sky/clouds/slurm.py); None if it supports all.

    >>> find_slurm_refusal({"resources": {"image_id": "docker:a", "ports": 8265}})
    'Slurm without containers takes no image and opens no ports: add `image=none` and `ports=none`.'
    """
    requirements = resources(task)
    if requirements.get("use_spot"):
        return translate("Slurm has no spot machines: leave out `spot=true`, or choose a recipe without `use_spot`.")
    return translate(SLURM_REFUSALS[bool(requirements.get("image_id")), bool(requirements.get("ports"))]) or None
