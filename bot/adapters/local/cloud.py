"""The port to local compute: orders to supervisors, files into what was seen."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bot.adapters.fetches import Errand, Fetches
from bot.adapters.local import checkpoints
from bot.adapters.local.accounts import Account
from bot.adapters.local.nodes import inherited
from bot.adapters.local.places import Order as SupervisorOrder
from bot.adapters.local.places import Place, State
from bot.adapters.local.processes import SUPERVISOR, alive, dismantle, send_signal
from bot.adapters.local.supervisor import HALT_SIGNAL, KNOWN
from bot.core.autostop import Setting
from bot.core.keeping import Fetch, Parcel, Shelf
from bot.core.managed import Controller, is_managed
from bot.core.money import Rate
from bot.core.order import Order, Watched
from bot.core.orphans import Standing
from bot.core.plan import missing_secrets
from bot.core.recipe import Task
from bot.core.seen import Cluster, Ending, Job, Request, Seen
from bot.errors import Unavailable, UserError
from bot.language import listing, mark, say, say_many, spoken

log = logging.getLogger(__name__)

INFRA = mark("this machine")
PRETENDED = mark("a pretended price")
INTERPRETERS = ("PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH")
"""What the supervisor's Python needs of the bot's environment; the bot's secrets stay with the bot."""

LAUNCH_SECONDS = 20
"""A supervisor claims its name in a tenth of a second; a loaded machine may take longer."""

HALT_SECONDS, PAUSE_SECONDS = 10, 0.05
"""That a job may take to end beyond its grace, and between two looks at it."""

BLOCK_BYTES = 65_536

MOST_BYTES = 10**12
"""Of a checkpoint, unless it is set."""

TAIL_BYTES = 262_144
"""Of one read of a log."""


class LocalCloud:
    """Clusters of this machine's processes.

    Args:
        root: the folder of their files.
        secrets: values by name, for the tasks that ask for them.
        most_nodes: of one cluster; each is a process.
        dollars_per_node_hour: a pretended price, to try out what the bot says of money; None for none.
        minute_seconds: how long autostop's minute lasts.
        grace_seconds: between SIGTERM and SIGKILL.
        fetches: where checkpoints are fetched to; in the folder unless given.
        account: whose processes the nodes are, where the bot is root; None for the bot's own user.
    """

    def __init__(
        self,
        root: Path,
        *,
        secrets: Mapping[str, str],
        most_nodes: int = 8,
        dollars_per_node_hour: float | None = None,
        minute_seconds: float = 60.0,
        grace_seconds: float = 5.0,
        fetches: Fetches | None = None,
        account: Account | None = None,
    ) -> None:
        self._root = root.resolve()
        self._fetches = fetches or Fetches(self._root / "artifacts", MOST_BYTES)
        self._secrets = secrets
        self._most_nodes = most_nodes
        self._dollars_per_node_hour = dollars_per_node_hour
        self._minute_seconds = minute_seconds
        self._grace_seconds = grace_seconds
        self._account = account

    def greet(self) -> str:
        return "recipes run as processes of this machine"

    def stop(self) -> None:
        self._fetches.stop()

    def refusal(self, task: Task) -> str | None:
        resources = task.get("resources") or {}
        if is_managed(task):
            return say("This machine runs no managed jobs: leave out `managed=true`.")
        wanted = [
            (resources.get("accelerators"), mark("It asks for accelerators ({value}), and this machine lends none.")),
            (resources.get("image_id"), mark("It asks for a container image ({value}), and this machine runs none.")),
            (resources.get("infra"), mark("It asks for the infra {value}, and this bot has only this machine.")),
            (
                task.get("file_mounts"),
                mark("It asks for a bucket, and this machine mounts none: `volume=NAME` keeps files here."),
            ),
            (task.get("workdir"), mark("It asks for a working directory, and this machine uploads none.")),
        ]
        for value, why in wanted:
            if value:
                return say(why, value=value)
        if missing := missing_secrets(task, self._secrets):
            return say("It needs {names} in the bot's environment.", names=listing(missing))
        if int(task.get("num_nodes") or 1) > self._most_nodes:
            return say_many(
                "It asks for {count} node, and this machine is set to {most} at the most.",
                "It asks for {count} nodes, and this machine is set to {most} at the most.",
                int(task["num_nodes"]),
                most=self._most_nodes,
            )
        return None

    def rate(self, task: Task) -> Rate | None:
        if self._dollars_per_node_hour is None:
            return None
        return Rate(self._dollars_per_node_hour * int(task.get("num_nodes") or 1), PRETENDED)

    def controller(self, task: Task) -> Controller | None:
        return None

    def observe(self, watched: Sequence[Watched]) -> Mapping[str, Seen]:
        looks = {entry.cluster: look(Place(self._root, entry.cluster)) for entry in watched}
        return {cluster: seen for cluster, seen in looks.items() if seen}

    def launch(self, order: Order) -> str:
        if why := self.refusal(order.task):
            raise UserError(why, say("Nothing was started."))
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "supervisors.log").open("ab") as log:
            started = subprocess.Popen(  # noqa: S603  # our own words; the name is made of a run's id
                [sys.executable, "-m", SUPERVISOR, Place(self._root, order.cluster).marker],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=inherited() | {name: os.environ[name] for name in INTERPRETERS if name in os.environ},
                start_new_session=True,
            )
        try:
            started.communicate(msgspec.json.encode(self._complete(order)), timeout=LAUNCH_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(say("The supervisor has not claimed its name in time.")) from error
        if started.returncode not in (0, KNOWN):
            log_file = self._root / "supervisors.log"
            raise Unavailable(say("The supervisor did not start: read {file}.", file=log_file))
        return f"local-{order.cluster}"

    def tail(self, watched: Watched, lines: int) -> str:
        try:
            return last_lines(Place(self._root, watched.cluster).log, lines)
        except FileNotFoundError:
            return ""

    def halt(self, watched: Watched) -> None:
        place = Place(self._root, watched.cluster)
        state = place.read()
        if state is None or state.supervisor is None or state.status is not Cluster.UP or state.job.over:
            return
        send_signal(state.supervisor, HALT_SIGNAL)
        for _ in range(int((self._grace_seconds + HALT_SECONDS) / PAUSE_SECONDS)):
            if (state := place.read()) is None or state.job.over:
                return
            time.sleep(PAUSE_SECONDS)
        raise Unavailable(say("Its job does not end."))

    def shelf(self, watched: Watched, parcel: Parcel) -> Shelf:
        try:
            return checkpoints.shelf(self._sources(watched, parcel))
        except OSError as error:
            raise Unavailable(f"{error.strerror}: {error.filename}") from error

    def fetch(self, watched: Watched, parcel: Parcel) -> Fetch:
        sources = self._sources(watched, parcel)
        errand = Errand(parcel, lambda: checkpoints.measure(sources), partial(checkpoints.bring, sources))
        return self._fetches.fetch(errand)

    def _sources(self, watched: Watched, parcel: Parcel) -> list[Path]:
        place = Place(self._root, watched.cluster)
        return checkpoints.sources([place.home(rank) for rank in range(parcel.nodes)], parcel)

    def down(self, watched: Watched) -> None:
        place = Place(self._root, watched.cluster)
        try:
            state = place.read()
        except msgspec.DecodeError:  # torn down all the same, by what its processes carry
            state = None
        if state and alive(state.supervisor) and place.first_asked_to_go():
            send_signal(state.supervisor, signal.SIGTERM)
        elif place.folder.exists() or not place.epitaph():
            # Nobody is left to do it, or it was asked before in vain; or nobody ever came, and with
            # a tombstone of this name nobody will.
            dismantle(place, state or State(cluster=watched.cluster), Ending.DOWNED, self._grace_seconds)

    def autostop(self, watched: Watched, minutes: int) -> Setting:
        place = Place(self._root, watched.cluster)
        if place.epitaph() or not place.folder.exists():
            raise Unavailable(say("The cluster is not there."))
        place.set_autostop(minutes)
        return Setting(f"local-{watched.cluster}-{minutes}")

    def clusters(self) -> Sequence[Standing]:
        folders = (self._root / "clusters").glob("*")
        found = [standing(Place(self._root, folder.name)) for folder in sorted(folders)]
        return [one for one in found if one]

    def by_hand(self, watched: Watched) -> str:
        return ""

    def _complete(self, order: Order) -> SupervisorOrder:
        """The order with the values of its secrets, which leave this process through a pipe alone."""
        task: dict[str, Any] = deepcopy(dict(order.task))
        known = {name: self._secrets[name] for name in order.secrets if name in self._secrets}
        task["envs"] = dict(order.environment)
        task["secrets"] = {**(task.get("secrets") or {}), **known}
        return SupervisorOrder(
            root=str(self._root),
            cluster=order.cluster,
            task=task,
            minute_seconds=self._minute_seconds,
            grace_seconds=self._grace_seconds,
            language=spoken(),
            account=self._account,
        )


def look(place: Place) -> Seen | None:
    """One cluster as its files show it; None where they cannot be read."""
    try:
        state, epitaph = place.read(), place.epitaph()
    except (OSError, msgspec.DecodeError):
        log.exception("the files of %s cannot be read", place.cluster)
        return None
    if state is None:
        return Seen(ending=epitaph.ending, error=epitaph.error) if epitaph else Seen()
    seen = Seen(
        request=Request.SUCCEEDED if state.status is Cluster.UP else Request.LIVE,
        cluster=state.status,
        job=state.job,
        job_id=1,
        error=state.error,
        infra=INFRA,
        autostop_minutes=place.autostop_minutes(state),
    )
    if state.job.over or alive(state.supervisor):
        return seen
    died = say("The process that keeps the cluster was killed.")
    return replace(seen, job=Job.FAILED_DRIVER, error=died)


def standing(place: Place) -> Standing | None:
    """One cluster as a list shows it; one whose files cannot be read stands, and one that is just going does not."""
    try:
        state = place.read()
    except msgspec.DecodeError:
        state = State(cluster=place.cluster)
    return Standing(id=place.cluster, name=place.cluster, status=state.status, infra=INFRA) if state else None


def last_lines(path: Path, lines: int) -> str:
    """The last lines of a file, read from its end; the last of them may not be whole yet, and has no newline then."""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        found = b""
        while at > 0 and found.count(b"\n") <= lines + 1 and len(found) < TAIL_BYTES:
            step = min(BLOCK_BYTES, at)
            at = file.seek(at - step)
            found = file.read(step) + found
    text = found.decode(errors="replace")
    return "\n".join(text.split("\n")[-lines - text.endswith("\n") :])
