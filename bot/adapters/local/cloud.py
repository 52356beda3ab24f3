"""The port to local compute: it sends orders to supervisors, and turns files into observations."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
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
from bot.adapters.local.processes import SUPERVISOR, alive, dismantle, marked, running_clusters, send_signal
from bot.adapters.local.supervisor import HALT_SIGNAL, KNOWN, exit_in_words
from bot.core.autostop import Setting
from bot.core.keeping import Fetch, Parcel, Shelf
from bot.core.loglines import LOOK_BYTES
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
"""Variables of the bot's environment that the supervisor's Python needs; the bot's secrets are not passed on."""

FILES_LOST = mark("Its files on this machine are gone, and none of its processes runs any more.")

LAUNCH_SECONDS = 20
"""Deadline in seconds for a launch. A supervisor claims its name in 0.1 s; a loaded machine may take longer."""

HALT_SECONDS, PAUSE_SECONDS = 10, 0.05
"""Seconds that a job may take to end beyond its grace, and between two checks of it."""

BLOCK_BYTES = 65_536

MOST_BYTES = 10**12
"""Maximum bytes of a checkpoint, unless it is set."""

TAIL_BYTES = LOOK_BYTES
"""Maximum bytes per log read."""


class LocalCloud:
    """Clusters of this machine's processes.

    Args:
        root: the folder of their files.
        secrets: values by name, for the tasks that need them.
        max_nodes: of one cluster; each node is a process.
        dollars_per_node_hour: a pretended price, to try out the bot's reports of money; None for none.
        minute_seconds: how long autostop's minute lasts.
        grace_seconds: between SIGTERM and SIGKILL.
        downloads: where checkpoints are downloaded to; in the folder unless given.
        account: the user of the nodes' processes, where the bot is root; None for the bot's own user.
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
        looks = {entry.cluster: look(Place(self._root, entry.cluster), entry) for entry in watched}
        return {cluster: seen for cluster, seen in looks.items() if seen}

    def launch(self, order: Order) -> str:
        if why := self.refusal(order.task):
            raise UserError(why, say("Nothing was started."))
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / "supervisors.log").open("ab") as log:
            started = subprocess.Popen(  # noqa: S603  # fixed words; the name is derived from a run's id
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
            log_file, code = self._root / "supervisors.log", started.returncode
            how = exit_in_words(128 - code if code < 0 else code)
            raise Unavailable(say("The supervisor did not start ({how}): read {file}.", how=how, file=log_file))
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

    def shelf(self, watched: Watched, parcel: Parcel, over: bool = False) -> Shelf:
        try:
            return checkpoints.read_shelf(self._sources(watched, parcel), over)
        except OSError as error:
            raise Unavailable(f"{error.strerror}: {error.filename}") from error

    def fetch(self, watched: Watched, parcel: Parcel) -> Fetch:
        sources = self._sources(watched, parcel)
        list_files, bring = partial(checkpoints.list_files, sources), partial(checkpoints.bring, sources)
        return self._fetches.fetch(Errand(parcel, list_files, bring))

    def recall(self, parcel: Parcel) -> Mapping[int, Fetch]:
        return self._fetches.recall(parcel)

    def _sources(self, watched: Watched, parcel: Parcel) -> list[checkpoints.Source]:
        """Return the folder to search on each node."""
        place = Place(self._root, watched.cluster)
        return checkpoints.sources([place.home(rank) for rank in range(parcel.nodes)], parcel)

    def down(self, watched: Watched) -> None:
        place = Place(self._root, watched.cluster)
        try:
            state = place.read()
        except msgspec.DecodeError:  # removed all the same, by the marker of its processes
            state = None
        if state and alive(state.supervisor) and place.first_asked_to_go():
            send_signal(state.supervisor, signal.SIGTERM)
        elif place.folder.exists() or not place.epitaph():
            # The supervisor has ended, or ignores an earlier request; or it never started, and with a tombstone of
            # this name it never will.
            dismantle(place, state or State(cluster=watched.cluster), Ending.DOWNED, self._grace_seconds)

    def autostop(self, watched: Watched, minutes: int) -> Setting:
        place = Place(self._root, watched.cluster)
        if place.epitaph() or not place.folder.exists():
            raise Unavailable(say("The cluster is not there."))
        place.set_autostop(minutes)
        return Setting(f"local-{watched.cluster}-{minutes}")

    def clusters(self) -> Sequence[Standing]:
        """Return the clusters with files, and those of this folder that have processes but lost their files."""
        names = {folder.name for folder in (self._root / "clusters").glob("*")}
        found = [one for name in sorted(names) if (one := standing(Place(self._root, name)))]
        lost = [name for name in sorted(running_clusters() - names) if marked(Place(self._root, name).marker)]
        return found + [Standing(id=name, name=name, status=Cluster.UP, infra=INFRA) for name in lost]

    def gone(self, cluster_ids: Collection[str]) -> Collection[str]:
        """Return which of these have gone: clusters with a tombstone, and those with neither files nor processes.

        The absence of both counts because this machine has no other memory.
        """
        running = running_clusters()
        places = {one: Place(self._root, one) for one in cluster_ids}
        lost = {one for one, place in places.items() if one not in running and not place.folder.exists()}
        return lost | {one for one, place in places.items() if place.tombstone.exists() and not place.folder.exists()}

    def by_hand(self, watched: Watched) -> str:
        return ""

    def _complete(self, order: Order) -> SupervisorOrder:
        """Return the order with the values of its secrets, which leave this process only through a pipe."""
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


def look(place: Place, watched: Watched) -> Seen | None:
    """Return the observation of one cluster from its files; None where they cannot be read."""
    try:
        state, epitaph = place.read(), place.epitaph()
    except (OSError, msgspec.DecodeError):
        log.exception("the files of %s cannot be read", place.cluster)
        return None
    if epitaph and state is None:
        return Seen(ending=epitaph.ending, error=epitaph.error, cluster_id=place.cluster)
    if state is None:
        return look_without_files(watched)
    seen = Seen(
        request=Request.SUCCEEDED if state.status is Cluster.UP else Request.LIVE,
        cluster=state.status,
        job=state.job,
        job_id=1,
        error=state.error,
        infra=INFRA,
        autostop_minutes=place.autostop_minutes(state),
        cluster_id=place.cluster,
    )
    if state.job.over or alive(state.supervisor):
        return seen
    died = say("The process that keeps the cluster was killed.")
    return replace(seen, job=Job.FAILED_DRIVER, error=died)


def look_without_files(watched: Watched) -> Seen:
    """Return the observation of a cluster without files: it exists while one of its processes runs.

    Nothing else shows whether it exists. The job's state is lost with the files, so that none is returned, and the
    launch counts as under way.
    """
    if watched.asked_at is None and not watched.was_shown:
        return Seen()
    if watched.cluster in running_clusters():
        return Seen(request=Request.LIVE, cluster=Cluster.UP, infra=INFRA, cluster_id=watched.cluster)
    return Seen(ending=Ending.LOST, error=say(FILES_LOST)) if watched.was_shown else Seen()


def standing(place: Place) -> Standing | None:
    """Return one cluster as a list shows it; None where it has no state, as during its removal.

    A cluster whose files cannot be read is listed all the same.
    """
    try:
        state = place.read()
    except msgspec.DecodeError:
        state = State(cluster=place.cluster)
    return Standing(id=place.cluster, name=place.cluster, status=state.status, infra=INFRA) if state else None


def last_lines(path: Path, lines: int) -> str:
    """Return the last lines of a file, read from its end; an incomplete last line has no newline.

    A line that the limit of TAIL_BYTES would cut is left out.
    """
    blocks: list[bytes] = []
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        count = size = 0
        while at > 0 and count <= lines + 1 and size < TAIL_BYTES:
            step = min(BLOCK_BYTES, at)
            at = file.seek(at - step)
            blocks.append(file.read(step))
            count, size = count + blocks[-1].count(b"\n"), size + step
    found = b"".join(reversed(blocks))
    # The file was not read from its beginning, so its first line may be cut.
    if at > 0:
        found = found.partition(b"\n")[2]
    text = found.decode(errors="replace")
    return "\n".join(text.split("\n")[-lines - text.endswith("\n") :])
