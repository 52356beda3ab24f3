"""Where a checkpoint is: its store, its folder, its step, each safe to use as a path. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bot.errors import UserError
from bot.phrase import Phrase, Text

SAFE_PATH_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+@-]*")
"""A part of a path that no shell and no rsync can misread."""

SAFE_FOLDER = re.compile(r"(~|/)[A-Za-z0-9_.=+@/-]*")


@dataclass(frozen=True, slots=True)
class CheckpointLayout:
    """How a framework for training lays out its checkpoints in a folder.

    Attributes:
        step_prefix: beginning of the name of a checkpoint's folder; the step follows.
        latest_file: the file beside them with the step of the newest complete one.
        find_flaw: returns why a checkpoint is not whole, by the bytes of its files; None if nothing contradicts.
    """

    step_prefix: str
    latest_file: str
    find_flaw: Callable[[Mapping[str, int]], Text | None]

    def name_folder(self, step: int) -> str:
        """Return the name of the folder of a step's checkpoint."""
        return f"{self.step_prefix}{step}"

    def parse_folder(self, name: str) -> int | None:
        """Return the step in the name of a checkpoint's folder; None for any other name."""
        return parse_step_number(name.removeprefix(self.step_prefix)) if name.startswith(self.step_prefix) else None


@dataclass(frozen=True, slots=True)
class CheckpointRef:
    """A checkpoint to be downloaded.

    Attributes:
        folder: the recipe's folder of checkpoints on each node, absolute or beginning with `~`.
        name: the checkpoint within it, such as `ppo-7f3a/global_step_40`; the same on each node.
        nodes: number of nodes of the cluster; each may have a part of the checkpoint.
    """

    folder: str
    name: str
    nodes: int = 1

    @property
    def path(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.name}"


def locate_checkpoint(folder: str, checkpoint: str, run_id: str, nodes: int) -> CheckpointRef:
    """Return the checkpoint that a log names: the folder from the recipe, and below it the run's own folder.

    A log can be made to contain anything. Of the path in it, only the part from the run's own name on counts.

    >>> locate_checkpoint("~/checkpoints", "/home/sky/checkpoints/ppo-7f3a/global_step_40", "ppo-7f3a", 2).path
    '~/checkpoints/ppo-7f3a/global_step_40'

    Raises:
        UserError: the log names a folder that is not one of the run's.
    """
    below = folder.removeprefix("~").rstrip("/")
    before, _, after = checkpoint.partition(f"{below}/{run_id}/")
    parts = after.rstrip("/").split("/")
    at_home = folder.startswith("~") and before.startswith(("/", "~"))  # where the home is `/`, the prefix is empty
    inside = bool(below) and bool(after) and (at_home or not before)
    if (
        not inside
        or not SAFE_FOLDER.fullmatch(folder)
        or not all(map(is_safe_path_part, (run_id, *parts, *split_path(below))))
    ):
        refusal = Phrase("Its log names a checkpoint outside of the run's own folder; I do not touch other folders.")
        raise UserError(refusal)
    return CheckpointRef(folder, "/".join([run_id, *parts]), nodes)


def locate_checkpoint_folder(folder: str, checkpoint: str | None, run_id: str, nodes: int) -> CheckpointRef:
    """Return the folder in which the newest checkpoint is named.

    It is the one next to the checkpoint in the log, as the trainer writes it, or else the run's own folder.

    >>> locate_checkpoint_folder("~/checkpoints", None, "ppo-7f3a", 1).path
    '~/checkpoints/ppo-7f3a'
    >>> locate_checkpoint_folder("~/checkpoints", "/root/checkpoints/ppo-7f3a/actor/global_step_4", "ppo-7f3a", 1).path
    '~/checkpoints/ppo-7f3a/actor'

    Raises:
        UserError: the log, or the recipe, names a folder that is not one of the run's.
    """
    if checkpoint is None:
        if not SAFE_FOLDER.fullmatch(folder) or not all(
            map(is_safe_path_part, (run_id, *split_path(folder.removeprefix("~"))))
        ):
            raise UserError(Phrase("Its recipe names a folder of checkpoints that I may not touch."))
        return CheckpointRef(folder, run_id, nodes)
    checkpoint_ref = locate_checkpoint(folder, checkpoint, run_id, nodes)
    return replace(checkpoint_ref, name=checkpoint_ref.name.rpartition("/")[0] or checkpoint_ref.name)


def parse_step_number(text: str) -> int | None:
    r"""Return the step that such a file contains; None where that is no number.

    >>> parse_step_number("40\n"), parse_step_number("-1"), parse_step_number("$(reboot)")
    (40, None, None)
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*", text, re.ASCII)
    return int(match[1]) if match else None


def split_path(path: str) -> list[str]:
    return path.strip("/").split("/")


def is_safe_path_part(part: str) -> bool:
    """Return whether a part of a path is safe for every shell and for rsync.

    >>> (is_safe_path_part("global_step_40"), is_safe_path_part(".."), is_safe_path_part("a b"),
    ...  is_safe_path_part("$(id)"), is_safe_path_part("-rf"))
    (True, False, False, False, False)
    """
    return SAFE_PATH_PART.fullmatch(part) is not None
