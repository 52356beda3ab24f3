"""A model on its way out of its machine: what is to be fetched, how far that is, and what people want of it."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from bot.core.status import Reason
from bot.errors import Unavailable, UserError
from bot.language import say

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+@-]*")
"""A part of a path that no shell and no rsync can take for anything else."""

NEWEST = "latest_checkpointed_iteration.txt"
"""Beside checkpoints, the step of the newest that is whole (verl 0.9.1)."""

FOLDER = re.compile(r"(~|/)[A-Za-z0-9_.=+@/-]*")

MOST_CANDIDATES = 8
"""Checkpoints of one run that are looked into for one that is whole, from the newest."""

SURE_LOOKS = 2
"""Looks that must find a checkpoint torn before an older one is taken: what writes it may live some seconds more."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A checkpoint to be fetched.

    Attributes:
        folder: of the recipe's checkpoints on each node, absolute or beginning with `~`.
        name: the checkpoint in it, such as `ppo-7f3a/global_step_40`; the same on each node.
        nodes: of the cluster; each may hold a part of it.
    """

    folder: str
    name: str
    nodes: int = 1

    @property
    def path(self) -> str:
        return f"{self.folder.rstrip('/')}/{self.name}"


@dataclass(frozen=True, slots=True)
class Fetch:
    """How far a checkpoint has been fetched.

    Attributes:
        where: the folder that it is fetched to, on the bot's machine.
        size: bytes that are there; of: bytes that it has, where that is known.
        done: whether all of it is there; sharded: whether it is in the shards that verl's trainers write.
    """

    where: str
    size: int = 0
    of: int | None = None
    done: bool = False
    sharded: bool = False


@dataclass(frozen=True, slots=True)
class Shelf:
    """The checkpoints of a run on its cluster, as a look shows them.

    Attributes:
        steps: of those that are there, on whichever node.
        named: the one that verl calls the newest, once it is whole; None where nothing names one.
    """

    steps: tuple[int, ...] = ()
    named: int | None = None

    @property
    def candidates(self) -> tuple[int, ...]:
        """Return the steps that may be whole, the newest first: none above the one that verl names, as far as it can.

        verl writes the name of a checkpoint last. Not every program names one; then each may be whole.

        >>> Shelf((20, 40), 20).candidates, Shelf((20, 40)).candidates, Shelf((20, 40), 30).candidates
        ((20,), (40, 20), (20,))
        >>> Shelf((40,), 20).candidates, Shelf().candidates
        ((40,), ())
        """
        below = [step for step in self.steps if self.named is None or step <= self.named]
        return tuple(sorted(below or self.steps, reverse=True)[:MOST_CANDIDATES])

    @property
    def newest(self) -> int | None:
        """The one to fetch: as named, or else the highest, for not every program names one.

        >>> Shelf((20, 40), 20).newest, Shelf((20, 40)).newest, Shelf((40,), 20).newest, Shelf().newest
        (20, 40, 40, None)
        """
        return next(iter(self.candidates), None)

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Return the steps that are there and above the one that verl names: they were begun, and not finished.

        >>> Shelf((20, 40), 20).unfinished, Shelf((20, 40)).unfinished, Shelf((40,), 20).unfinished
        ((40,), (), ())
        """
        if self.named is None or not any(step <= self.named for step in self.steps):
            return ()
        return tuple(sorted((step for step in self.steps if step > self.named), reverse=True)[:MOST_CANDIDATES])

    @classmethod
    def of_node(cls, names: Collection[str], newest: str, over: bool = False) -> Self:
        """What one node has.

        Args:
            names: of all that is in the folder; newest: what the file says that names the newest.
            over: whether its job is over, so that a file that names none will never name one: a full disk has cut it.

        Raises:
            Unavailable: there is such a file, and it names none: it cannot be read, or is just being written.
        """
        named = step_of(newest)
        if named is None and NEWEST in names and not over:
            raise Unavailable(say("Which of its checkpoints is the newest cannot be read."))
        return cls(tuple(sorted(step for name in names if (step := step_in(name)) is not None)), named)

    @classmethod
    def of_all(cls, nodes: Iterable[Self]) -> Self:
        """What all nodes have together. The head comes first; verl's trainer may be on any of them."""
        found = list(nodes)
        steps = {step for one in found for step in one.steps}
        return cls(tuple(sorted(steps)), next((one.named for one in found if one.named is not None), None))


@dataclass(frozen=True, slots=True)
class TornCheckpoint:
    """A checkpoint on the cluster that is not whole.

    Attributes:
        why: a sentence; looks: how many have found it so.
    """

    step: int
    why: str
    looks: int = 1


@dataclass(frozen=True, slots=True)
class Draining:
    """The run is to end for that reason, and is given until then to save first."""

    reason: Reason
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is done so that the model outlives its machine.

    Attributes:
        save_asked: whether a person wants it saved before it is stopped.
        halted_at: when its job was ended; halt_tried_at: when that failed last.
        none_at: when its cluster was found to have no checkpoint at all.
        lost_by: who has said that it may be lost, or None.
        draining: what its end waits for, while it does.
        began_at: when it was first fetched; tried_at: when last; tries: how often that has failed.
        trouble: why the last time failed, a sentence.
        fetch: how far it is; step: which checkpoint that is.
        keep_until: until when a person wants its cluster kept for it; keep_by: who.
        given_up_at: when it was given up, because nobody had said anything in time; lost_at: when it was said that
            it may be lost.
        asked_at: when people were to be told, because it cannot be fetched; until: when it is given up, as things are.
        held_until: for which of these the cluster's autostop has been put off; hold_tried_at: when that failed last.
        torn: the checkpoints on its cluster that are not whole; none_whole_at: when it was found that none is.
        recalled_at: when the bot's own disk was last asked for what has come of it.
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
        """Whether nothing more is done for it."""
        return self.fetched or self.lost_by is not None or self.given_up_at is not None or self.none_at is not None

    @property
    def looks_anew(self) -> bool:
        """Whether it is to be asked what its cluster has: at first, and after each failure, since that may change."""
        return self.fetch is None or self.trouble is not None

    @property
    def settled_at(self) -> datetime | None:
        """When nothing more was to be done for it; None where it is not so far, or nothing ever was to be done."""
        return (self.tried_at if self.fetched else None) or self.lost_at or self.given_up_at or self.none_at

    def stopped(self, by: str, save: bool | None, now: datetime) -> Self:
        """After a wish to stop: with a checkpoint first, or with what there is (None), or with nothing."""
        if save is False and not self.fetched:
            return replace(self, save_asked=False, lost_by=self.lost_by or by, lost_at=self.lost_at or now)
        return replace(self, save_asked=bool(save))

    def begun(self, until: datetime, now: datetime) -> Self:
        """It is fetched, from now if not from before; a person may have asked for more time meanwhile."""
        return replace(self, began_at=self.began_at or now, until=self.keep_until or until)

    def moved(self, fetch: Fetch, step: int | None, now: datetime) -> Self:
        """It is being fetched, or is there."""
        torn = tuple(one for one in self.torn if one.step != step or not fetch.done)
        return replace(self, fetch=fetch, step=step, tried_at=now, trouble=None, torn=torn)

    def found_torn(self, step: int, why: str, looks: int = 1) -> Self:
        """A look has found a checkpoint that is not whole; the newest of them are remembered."""
        known = next((one.looks for one in self.torn if one.step == step), 0)
        others = [one for one in self.torn if one.step != step]
        torn = sorted([*others, TornCheckpoint(step, why, known + looks)], key=lambda one: -one.step)[:MOST_CANDIDATES]
        return replace(self, torn=tuple(torn), fetch=None, trouble=None)

    def is_torn(self, step: int) -> bool:
        """Whether enough looks have found that checkpoint torn."""
        return any(one.step == step and one.looks >= SURE_LOOKS for one in self.torn)

    def choose(self, shelf: Shelf) -> tuple[int | None, bool]:
        """Return the checkpoint to fetch, and whether it may be whole: the newest that may be, or else the newest."""
        whole = [step for step in shelf.candidates if not self.is_torn(step)]
        return next(iter(whole or shelf.candidates), None), bool(whole)

    def recalled(self, step: int | None, fetch: Fetch | None, now: datetime) -> Self:
        """The bot's own disk was asked, and has that whole checkpoint, or none."""
        if fetch is None:
            return replace(self, recalled_at=now)
        return replace(self, recalled_at=now, fetch=fetch, step=step, tried_at=now, trouble=None)

    def failed(self, why: str, asks: bool, now: datetime) -> Self:
        """It was not fetched this time."""
        asked_at = self.asked_at or (now if asks else None)
        return replace(self, trouble=why, tries=self.tries + 1, tried_at=now, asked_at=asked_at)


def parcel(folder: str, checkpoint: str, run_id: str, nodes: int) -> Parcel:
    """The checkpoint that a log names, as it is to be fetched: what the recipe says, and below it the run's own folder.

    A log can be made to say anything. Of what it says, only the part from the run's own name on counts.

    >>> parcel("~/checkpoints", "/home/sky/checkpoints/ppo-7f3a/global_step_40", "ppo-7f3a", 2).path
    '~/checkpoints/ppo-7f3a/global_step_40'

    Raises:
        UserError: the log names a folder that is not one of the run's.
    """
    below = folder.removeprefix("~").rstrip("/")
    before, _, after = checkpoint.partition(f"{below}/{run_id}/")
    parts = after.rstrip("/").split("/")
    at_home = folder.startswith("~") and before.startswith(("/", "~"))  # a home may be `/` itself, and then nothing is
    inside = bool(below) and bool(after) and (at_home or not before)
    if not inside or not FOLDER.fullmatch(folder) or not all(map(is_plain, (run_id, *parts, *folders(below)))):
        odd = say("Its log names a checkpoint that is not in the run's own folder, and I do not touch others.")
        raise UserError(odd)
    return Parcel(folder, "/".join([run_id, *parts]), nodes)


def shelf(folder: str, checkpoint: str | None, run_id: str, nodes: int) -> Parcel:
    """Where the newest checkpoint is named, as verl's trainers do: beside the one that the log names, or the run's own.

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
    """The step of a folder that verl calls so; None for any other.

    >>> step_in("global_step_40"), step_in("global_step_40.part"), step_in("metrics.jsonl")
    (40, None, None)
    """
    return step_of(name.removeprefix("global_step_")) if name.startswith("global_step_") else None


def step_of(text: str) -> int | None:
    """The step that such a file names; None where that is no number.

    >>> step_of("40\\n"), step_of("-1"), step_of("$(reboot)")
    (40, None, None)
    """
    found = re.fullmatch(r"\s*(\d{1,9})\s*", text, re.ASCII)
    return int(found[1]) if found else None


def folders(path: str) -> list[str]:
    return path.strip("/").split("/")


def is_plain(part: str) -> bool:
    """
    >>> is_plain("global_step_40"), is_plain(".."), is_plain("a b"), is_plain("$(id)"), is_plain("-rf")
    (True, False, False, False, False)
    """
    return PLAIN.fullmatch(part) is not None
