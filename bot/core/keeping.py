"""Rescue of a model from its cluster: the checkpoint to download, the progress, and what people have requested."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from bot.core.status import Reason
from bot.errors import Unavailable, UserError
from bot.language import say

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+@-]*")
"""A part of a path that no shell and no rsync can misread."""

NEWEST = "latest_checkpointed_iteration.txt"
"""The file next to the checkpoints with the step of the newest complete one (verl 0.9.1)."""

FOLDER = re.compile(r"(~|/)[A-Za-z0-9_.=+@/-]*")

MOST_CANDIDATES = 8
"""Maximum checkpoints of one run that are examined for a complete one, newest first."""

SURE_LOOKS = 2
"""Looks that must find a checkpoint incomplete before an older one is taken: its writer may live some seconds longer.
"""


@dataclass(frozen=True, slots=True)
class Parcel:
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


@dataclass(frozen=True, slots=True)
class Fetch:
    """How much of a checkpoint has been downloaded.

    Attributes:
        folder: the folder on the bot's machine that it is downloaded to.
        downloaded_bytes: bytes downloaded so far.
        total_bytes: size of the checkpoint; None where that is not known.
        is_complete: whether all of it is downloaded.
        is_sharded: whether it is in the shards that verl's trainers write.
    """

    where: str
    size: int = 0
    of: int | None = None
    done: bool = False
    sharded: bool = False


@dataclass(frozen=True, slots=True)
class Shelf:
    """The checkpoints of a run on its cluster, as one look shows them.

    Attributes:
        steps: steps of the checkpoints that are on any node.
        latest_step: the step that verl names as the newest complete one; None where no file names one.
    """

    steps: tuple[int, ...] = ()
    named: int | None = None

    @property
    def candidates(self) -> tuple[int, ...]:
        """Return the steps that may be complete, newest first: none above the one that verl names, as far as possible.

        verl writes the name of a checkpoint last. Some programs name none; then each checkpoint may be complete.

        >>> Shelf((20, 40), 20).candidates, Shelf((20, 40)).candidates, Shelf((20, 40), 30).candidates
        ((20,), (40, 20), (20,))
        >>> Shelf((40,), 20).candidates, Shelf().candidates
        ((40,), ())
        """
        below = [step for step in self.steps if self.named is None or step <= self.named]
        return tuple(sorted(below or self.steps, reverse=True)[:MOST_CANDIDATES])

    @property
    def newest(self) -> int | None:
        """Return the step to download: the one that verl names, or else the highest, because some programs name none.

        >>> Shelf((20, 40), 20).newest, Shelf((20, 40)).newest, Shelf((40,), 20).newest, Shelf().newest
        (20, 40, 40, None)
        """
        return next(iter(self.candidates), None)

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Return the steps above the one that verl names: these checkpoints were begun, and not finished.

        >>> Shelf((20, 40), 20).unfinished, Shelf((20, 40)).unfinished, Shelf((40,), 20).unfinished
        ((40,), (), ())
        """
        if self.named is None or not any(step <= self.named for step in self.steps):
            return ()
        return tuple(sorted((step for step in self.steps if step > self.named), reverse=True)[:MOST_CANDIDATES])

    @classmethod
    def of_node(cls, names: Collection[str], newest: str, over: bool = False) -> Self:
        """Return the listing of one node.

        Args:
            names: names of all that is in the folder.
            latest_step_text: content of the file that names the newest checkpoint.
            job_finished: whether the job has finished, so that a file that names none will never name one: a full disk
                has truncated it.

        Raises:
            Unavailable: there is such a file, and it names none: it cannot be read, or is being written.
        """
        named = step_of(newest)
        # While the job runs, a file without a number is probably being written; a later look decides.
        if named is None and NEWEST in names and not over:
            raise Unavailable(say("Which of its checkpoints is the newest cannot be read."))
        return cls(tuple(sorted(step for name in names if (step := step_in(name)) is not None)), named)

    @classmethod
    def of_all(cls, nodes: Iterable[Self]) -> Self:
        """Return the listing of all nodes together. The head node comes first; verl's trainer may be on any node."""
        found = list(nodes)
        steps = {step for one in found for step in one.steps}
        return cls(tuple(sorted(steps)), next((one.named for one in found if one.named is not None), None))


@dataclass(frozen=True, slots=True)
class TornCheckpoint:
    """A checkpoint on the cluster that is not complete.

    Attributes:
        reason: why, as a sentence.
        observations: how many looks have found it incomplete.
    """

    step: int
    why: str
    looks: int = 1


@dataclass(frozen=True, slots=True)
class Draining:
    """The time until which a run that is about to end, for that reason, may still save a checkpoint."""

    reason: Reason
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is done so that the model survives its machine.

    Attributes:
        is_save_requested: whether a person wants a checkpoint saved before the run is stopped.
        job_cancelled_at: when the job was cancelled.
        cancel_failed_at: when cancelling it last failed.
        no_checkpoint_at: when the cluster was found to have no checkpoint at all.
        discard_approved_by: who has approved that the checkpoint is discarded, or None.
        save_grace: what the end of the run waits for, while it waits.
        started_at: when the first download started.
        last_tried_at: when a download was last tried.
        failure_count: how many downloads have failed.
        last_error: why the last download failed, as a sentence.
        download: the progress of the download.
        step: the step of the checkpoint that is downloaded.
        keep_cluster_until: until when a person wants the cluster kept for it.
        keep_requested_by: who wants that.
        abandoned_at: when the checkpoint was abandoned, because no person had answered in time.
        discard_approved_at: when discarding it was approved.
        people_notified_at: when people were first to be notified, because it cannot be downloaded.
        deadline: when it will be abandoned, as of now.
        autostop_postponed_until: the deadline for which the cluster's autostop has been postponed.
        autostop_postpone_failed_at: when postponing it last failed.
        torn_checkpoints: the checkpoints on the cluster that are not complete.
        none_complete_at: when the bot found that none is complete.
        local_copy_checked_at: when the bot last looked on its own disk for a complete download.
    """

    save_asked: bool = False
    halted_at: datetime | None = None
    halt_tried_at: datetime | None = None
    none_at: datetime | None = None
    lost_by: str | None = None
    draining: Draining | None = None
    began_at: datetime | None = None
    tried_at: datetime | None = None
    tries: int = 0
    trouble: str | None = None
    fetch: Fetch | None = None
    step: int | None = None
    keep_until: datetime | None = None
    keep_by: str | None = None
    given_up_at: datetime | None = None
    lost_at: datetime | None = None
    asked_at: datetime | None = None
    until: datetime | None = None
    held_until: datetime | None = None
    hold_tried_at: datetime | None = None
    torn: tuple[TornCheckpoint, ...] = ()
    none_whole_at: datetime | None = None
    recalled_at: datetime | None = None

    @property
    def fetched(self) -> bool:
        return self.fetch is not None and self.fetch.done

    @property
    def settled(self) -> bool:
        """Return whether nothing more is done for the model."""
        return self.fetched or self.lost_by is not None or self.given_up_at is not None or self.none_at is not None

    @property
    def looks_anew(self) -> bool:
        """Return whether the cluster's checkpoints must be listed.

        That is so at first, and after each failure, because they may change.
        """
        return self.fetch is None or self.trouble is not None

    @property
    def settled_at(self) -> datetime | None:
        """Return since when nothing more is done for the model.

        None where something still is done, or nothing ever had to be.
        """
        return (self.tried_at if self.fetched else None) or self.lost_at or self.given_up_at or self.none_at

    def stopped(self, by: str, save: bool | None, now: datetime) -> Self:
        """Return the rescue after a stop request.

        Args:
            save: True to save a checkpoint first, False to discard the model, None to rescue what there is.
        """
        # A complete download stays, also where the model may be discarded.
        if save is False and not self.fetched:
            return replace(self, save_asked=False, lost_by=self.lost_by or by, lost_at=self.lost_at or now)
        return replace(self, save_asked=bool(save))

    def begun(self, until: datetime, now: datetime) -> Self:
        """Return the rescue once a download is due; a person may have requested more time in the meantime."""
        return replace(self, began_at=self.began_at or now, until=self.keep_until or until)

    def moved(self, fetch: Fetch, step: int | None, now: datetime) -> Self:
        """Return the rescue with this progress of the download."""
        torn = tuple(one for one in self.torn if one.step != step or not fetch.done)
        return replace(self, fetch=fetch, step=step, tried_at=now, trouble=None, torn=torn)

    def found_torn(self, step: int, why: str, looks: int = 1) -> Self:
        """Return the rescue after a look found a checkpoint that is not complete.

        The newest of these checkpoints are remembered.
        """
        known = next((one.looks for one in self.torn if one.step == step), 0)
        others = [one for one in self.torn if one.step != step]
        torn = sorted([*others, TornCheckpoint(step, why, known + looks)], key=lambda one: -one.step)[:MOST_CANDIDATES]
        return replace(self, torn=tuple(torn), fetch=None, trouble=None)

    def is_torn(self, step: int) -> bool:
        """Return whether enough looks have found that checkpoint incomplete."""
        return any(one.step == step and one.looks >= SURE_LOOKS for one in self.torn)

    def choose(self, shelf: Shelf) -> tuple[int | None, bool]:
        """Return the checkpoint to download, and whether it may be complete.

        It is the newest that may be complete, or else the newest.
        """
        whole = [step for step in shelf.candidates if not self.is_torn(step)]
        return next(iter(whole or shelf.candidates), None), bool(whole)

    def recalled(self, step: int | None, fetch: Fetch | None, now: datetime) -> Self:
        """Return the rescue after a look at the bot's own disk, which has that complete checkpoint, or none."""
        if fetch is None:
            return replace(self, recalled_at=now)
        return replace(self, recalled_at=now, fetch=fetch, step=step, tried_at=now, trouble=None)

    def failed(self, why: str, asks: bool, now: datetime) -> Self:
        """Return the rescue after a download failed."""
        asked_at = self.asked_at or (now if asks else None)
        return replace(self, trouble=why, tries=self.tries + 1, tried_at=now, asked_at=asked_at)


def parcel(folder: str, checkpoint: str, run_id: str, nodes: int) -> Parcel:
    """Return the checkpoint that a log names: the folder from the recipe, and below it the run's own folder.

    A log can be made to contain anything. Of the path in it, only the part from the run's own name on counts.

    >>> parcel("~/checkpoints", "/home/sky/checkpoints/ppo-7f3a/global_step_40", "ppo-7f3a", 2).path
    '~/checkpoints/ppo-7f3a/global_step_40'

    Raises:
        UserError: the log names a folder that is not one of the run's.
    """
    below = folder.removeprefix("~").rstrip("/")
    before, _, after = checkpoint.partition(f"{below}/{run_id}/")
    parts = after.rstrip("/").split("/")
    at_home = folder.startswith("~") and before.startswith(("/", "~"))  # where the home is `/`, the prefix is empty
    inside = bool(below) and bool(after) and (at_home or not before)
    if not inside or not FOLDER.fullmatch(folder) or not all(map(is_plain, (run_id, *parts, *folders(below)))):
        odd = say("Its log names a checkpoint that is not in the run's own folder, and I do not touch others.")
        raise UserError(odd)
    return Parcel(folder, "/".join([run_id, *parts]), nodes)


def shelf(folder: str, checkpoint: str | None, run_id: str, nodes: int) -> Parcel:
    """Return the folder in which the newest checkpoint is named.

    It is the one next to the checkpoint in the log, as verl's trainers write it, or else the run's own folder.

    >>> shelf("~/checkpoints", None, "ppo-7f3a", 1).path
    '~/checkpoints/ppo-7f3a'
    >>> shelf("~/checkpoints", "/root/checkpoints/ppo-7f3a/actor/global_step_4", "ppo-7f3a", 1).path
    '~/checkpoints/ppo-7f3a/actor'

    Raises:
        UserError: the log, or the recipe, names a folder that is not one of the run's.
    """
    if checkpoint is None:
        if not FOLDER.fullmatch(folder) or not all(map(is_plain, (run_id, *folders(folder.removeprefix("~"))))):
            raise UserError(say("Its recipe names a folder of checkpoints that I do not touch."))
        return Parcel(folder, run_id, nodes)
    found = parcel(folder, checkpoint, run_id, nodes)
    return replace(found, name=found.name.rpartition("/")[0] or found.name)


def step_in(name: str) -> int | None:
    """Return the step in the name of one of verl's checkpoint folders; None for any other name.

    >>> step_in("global_step_40"), step_in("global_step_40.part"), step_in("metrics.jsonl")
    (40, None, None)
    """
    return step_of(name.removeprefix("global_step_")) if name.startswith("global_step_") else None


def step_of(text: str) -> int | None:
    r"""Return the step that such a file contains; None where that is no number.

    >>> step_of("40\n"), step_of("-1"), step_of("$(reboot)")
    (40, None, None)
    """
    found = re.fullmatch(r"\s*(\d{1,9})\s*", text, re.ASCII)
    return int(found[1]) if found else None


def folders(path: str) -> list[str]:
    return path.strip("/").split("/")


def is_plain(part: str) -> bool:
    """Return whether a part of a path is safe for every shell and for rsync.

    >>> is_plain("global_step_40"), is_plain(".."), is_plain("a b"), is_plain("$(id)"), is_plain("-rf")
    (True, False, False, False, False)
    """
    return PLAIN.fullmatch(part) is not None
