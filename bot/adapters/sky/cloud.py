"""The port to SkyPilot: few calls for many clusters, and a deadline for each of them."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from threading import Event

from bot.adapters import prices
from bot.adapters.fetches import Errand, Fetches
from bot.adapters.sky import autostops, calls, halts, inventory, offers, past, reach
from bot.adapters.sky.checkpoints import SSH, Way
from bot.adapters.sky.courier import Carries
from bot.adapters.sky.limits import local_paths, slurm_refusal
from bot.adapters.sky.managed import ManagedJobs
from bot.adapters.sky.managed_meaning import number_of
from bot.adapters.sky.meaning import bill, seen_absent, seen_standing
from bot.adapters.sky.orders import completed
from bot.adapters.sky.queues import Queues
from bot.adapters.sky.records import ClusterRecord, JobRecord, LaunchRecord, Look, OwnedRecord, Past
from bot.core.autostop import Setting
from bot.core.keeping import Fetch, Parcel, Shelf
from bot.core.loglines import LOOK_BYTES
from bot.core.managed import Controller, is_managed
from bot.core.money import Bill, Rate
from bot.core.order import Order, Watched
from bot.core.orphans import Standing
from bot.core.plan import missing_secrets, resources
from bot.core.recipe import Task, accelerators
from bot.core.seen import Cluster, Request, Seen
from bot.errors import NameTaken, Unavailable, UserError
from bot.language import listing, mark, say

log = logging.getLogger(__name__)

CATALOGUE = mark("SkyPilot's prices")


class SkyCloud:
    """Clusters that SkyPilot manages.

    Args:
        secrets: values by name, for the tasks that need them.
        price_table: the team's own prices, for what SkyPilot has no price for.
        slurm_containers: whether Slurm clusters run containers (Pyxis).
        start_server: whether a server is started on this machine where none answers.
        job_period: between two queries of one cluster's jobs; bill_period: between two queries of all bills.
        stale_after: how long a cluster's queue may stay unanswered before the run counts as not observed.
        downloads: where checkpoints are downloaded to; environment: what SSH and rsync see of the environment; ssh: the
            program, with its options.
    """

    def __init__(
        self,
        courier: Carries,
        now: Callable[[], datetime],
        *,
        secrets: Mapping[str, str],
        table: prices.Table | None = None,
        slurm_containers: bool = False,
        start_server: bool = False,
        job_period: timedelta = timedelta(seconds=30),
        bill_period: timedelta = timedelta(minutes=5),
        patience: timedelta = timedelta(minutes=2),
        fetches: Fetches | None = None,
        environment: Mapping[str, str] | None = None,
        ssh: Sequence[str] = SSH,
    ) -> None:
        self._ssh = ssh
        self._over = Event()
        self._fetches = fetches
        self._environment = environment or {}
        self._courier = courier
        self._now = now
        self._secrets = secrets
        self._table = table or {}
        self._slurm_containers = slurm_containers
        self._start_server = start_server
        self._bill_period = bill_period
        self._queues = Queues(self._jobs, now, period=job_period, patience=patience)
        self._managed = ManagedJobs(courier, now, self._table, bill_period)
        self._bills: dict[str, Bill] = {}
        self._ended: dict[str, LaunchRecord] = {}
        self._billed_at: datetime | None = None

    def greet(self) -> str:
        found = self._courier.call(calls.greet, self._start_server)
        return f"SkyPilot {found.version} answers, to user {found.user or '(none)'}; infra: {', '.join(found.infra)}"

    def refusal(self, task: Task) -> str | None:
        if missing := missing_secrets(task, self._secrets):
            return say("It needs {names} in the bot's environment.", names=listing(missing))
        if uploads := local_paths(task):
            return say(
                "It would upload {path} from the bot's machine. Use a bucket, or `workdir: {{url: …}}` of git.",
                path=uploads[0],
            )
        infra = str(resources(task).get("infra") or "")
        if infra.partition("/")[0].lower() == "slurm" and not self._slurm_containers:
            return slurm_refusal(task)
        return None

    def rate(self, task: Task) -> Rate | None:
        asked, nodes = accelerators(task), int(task.get("num_nodes") or 1)
        infra, spot = str(resources(task).get("infra") or ""), bool(resources(task).get("use_spot"))
        own = prices.look_up(self._table, infra, asked, nodes)
        if asked is None:
            return own
        try:
            dollars = self._courier.call(offers.price, infra, asked.name, asked.count, spot)
        except Unavailable:
            if own is None:
                raise
            return own
        return Rate(dollars * nodes, CATALOGUE) if dollars else own

    def controller(self, task: Task) -> Controller | None:
        return self._managed.controller() if is_managed(task) else None

    def observe(self, watched: Sequence[Watched]) -> Mapping[str, Seen]:
        """Return the observations of clusters and of managed jobs.

        SkyPilot reports the two in different tables: where one query fails, the results of the other are still
        returned.
        """
        looks = {self._observe: [one for one in watched if not one.managed]}
        looks |= {self._managed.observe: [one for one in watched if one.managed]}
        found: dict[str, Seen] = {}
        silences: list[Unavailable] = []
        for look, of in looks.items():
            try:
                found |= look(of) if of else {}
            except Unavailable as error:
                log.warning("%d of %d cannot be seen: %s", len(of), len(watched), error)
                silences.append(error)
        if silences and not found:
            raise silences[0]
        return found

    def _observe(self, watched: Sequence[Watched]) -> Mapping[str, Seen]:
        """Return the observations of unmanaged clusters; those without enough information are left out."""
        names = [one.cluster for one in watched]
        look = self._look(names, {one.cluster for one in watched if one.job_id is None})
        standing = {one.cluster: one.job_name for one in watched if is_up(look.clusters.get(one.cluster))}
        launching = {name for name, found in look.launches.items() if found.request is Request.LIVE}
        self._queues.collect(standing, launching, {name for name in names if is_broken(look.clusters.get(name))})
        gone = {name for name in names if name not in look.clusters}
        try:
            memory = self._past(gone, watched)
        except Unavailable as error:  # existing clusters are observed all the same
            log.warning("SkyPilot's cost report does not answer: %s", error)
            memory, watched = Past({}), [one for one in watched if one.cluster not in gone]
        found = {one.cluster: self._seen(one, look, memory) for one in watched}
        return {name: seen for name, seen in found.items() if seen}

    def launch(self, order: Order) -> str:
        task = completed(order, self._secrets)
        if order.managed:
            request_id = self._managed.launch(order.cluster, task, order.again, order.may_rent)
        else:
            request_id = self._courier.call(calls.launch, order.cluster, task)
        if request_id == calls.FOREIGN:
            raise NameTaken(
                say("A cluster {name} stands that another bot has launched.", name=f"`{order.cluster}`"),
                say("It is left alone. Launch this once more: it gets another name."),
            )
        return request_id

    def tail(self, watched: Watched, lines: int) -> str:
        if watched.managed:
            return self._managed.tail(watched, lines)
        text = self._courier.call(calls.tail, watched.cluster, watched.job_id, lines, LOOK_BYTES)
        # A job may print that line too, so it only brings the next query forward.
        if calls.FINISHED in text:
            self._queues.hurry(watched.cluster)
        return calls.without_chatter(text)

    def halt(self, watched: Watched) -> None:
        if watched.job_id is not None:
            self._courier.call(halts.halt, watched.cluster, watched.job_id)

    def shelf(self, watched: Watched, parcel: Parcel, over: bool = False) -> Shelf:
        return self._way(watched, parcel).shelf(over)

    def fetch(self, watched: Watched, parcel: Parcel) -> Fetch:
        if self._fetches is None:
            raise UserError(say("Nobody has said where models are to be fetched to."))
        way = self._way(watched, parcel)
        return self._fetches.fetch(Errand(parcel, way.list_files, way.bring))

    def recall(self, parcel: Parcel) -> Mapping[int, Fetch]:
        return self._fetches.recall(parcel) if self._fetches else {}

    def _way(self, watched: Watched, parcel: Parcel) -> Way:
        """Return the checkpoint on the cluster's nodes."""
        return Way(
            watched.cluster,
            parcel,
            lambda name: self._courier.call(reach.reach, name),
            self._environment,
            self._ssh,
            self._over,
        )

    def down(self, watched: Watched) -> str | None:
        if watched.managed:
            return self._managed.down(watched)
        return self._courier.call(calls.remove, watched.cluster)

    def autostop(self, watched: Watched, minutes: int) -> Setting:
        return self._courier.call(autostops.autostop, watched.cluster, minutes, watched.autostop_request)

    def clusters(self) -> Sequence[Standing]:
        return [*map(standing, self._courier.call(inventory.everything)), *self._managed.standing()]

    def gone(self, cluster_ids: Collection[str]) -> Collection[str]:
        managed = {one for one in cluster_ids if number_of(one) is not None}
        others = set(cluster_ids) - managed
        found = self._courier.call(past.gone, others) if others else set()
        return found | (self._managed.gone(managed) if managed else set())

    def by_hand(self, watched: Watched) -> str:
        return f"sky jobs cancel -n {watched.cluster}" if watched.managed else f"sky down {watched.cluster}"

    def stop(self) -> None:
        """Abandon the calls under way; clusters stay as they are."""
        self._over.set()
        if self._fetches:
            self._fetches.stop()
        self._queues.stop()
        self._courier.stop()

    def _look(self, names: Sequence[str], jobless: Collection[str]) -> Look:
        """Return the existing clusters and the launches.

        How a launch has ended is queried once, because it does not change afterwards.
        """
        self._ended = {name: found for name, found in self._ended.items() if name in jobless}
        look = self._courier.call(calls.look, names, [name for name in jobless if name not in self._ended])
        under_way = {name for name, found in look.launches.items() if found.request is Request.LIVE}
        known = {name: found for name, found in self._ended.items() if name not in under_way}
        self._ended = known | {name: found for name, found in look.launches.items() if name not in under_way}
        return replace(look, launches={**known, **look.launches})

    def _seen(self, one: Watched, look: Look, memory: Past) -> Seen | None:
        """Return the observation of one cluster; None where too little is known about it."""
        launch, record = look.launches.get(one.cluster), look.clusters.get(one.cluster)
        if record is None:
            return seen_absent(launch, memory.histories.get(one.cluster), self._now(), memory.server)
        known = self._bills.get(one.cluster)
        if not is_up(record):
            job = self._queues.job(one.cluster) if is_broken(record) else None
            return seen_standing(launch, record, job, True, known)
        # The last answer is too old: the run is not observed, rather than observed as it was.
        if self._queues.silent(one.cluster):
            return None
        return seen_standing(launch, record, self._queues.job(one.cluster), self._queues.asked(one.cluster), known)

    def _past(self, gone: Collection[str], watched: Sequence[Watched]) -> Past:
        """Return the cost report of absent clusters; at the end of a bill period, refresh all bills as well."""
        now = self._now()
        bills_due = self._billed_at is None or now >= self._billed_at + self._bill_period
        names = [one.cluster for one in watched] if bills_due else sorted(gone)
        if not names:
            return Past({})
        if bills_due:
            self._billed_at = now
        first = min((one.asked_at for one in watched if one.asked_at and one.cluster in names), default=now)
        found = self._courier.call(past.history, names, max((now - first).days + 2, 2))
        if bills_due:
            self._bills = {name: said for name, one in found.histories.items() if (said := bill(one, now))}
        return found

    def _jobs(self, cluster: str, name: str | None) -> list[JobRecord] | None:
        return self._courier.call(calls.jobs, cluster, name)


def is_up(record: ClusterRecord | None) -> bool:
    """Return whether SkyPilot's table shows the cluster as up."""
    return record is not None and record.cluster is Cluster.UP


def is_broken(record: ClusterRecord | None) -> bool:
    """Return whether SkyPilot takes the cluster for broken."""
    return record is not None and record.unhealthy is not None


def standing(one: OwnedRecord) -> Standing:
    """Return the cluster as a list shows it."""
    return Standing(
        id=one.hash,
        name=one.name,
        status=one.record.cluster,
        user=one.user,
        infra=one.record.infra,
        nodes=one.nodes,
        since=datetime.fromtimestamp(one.launched_at, UTC) if one.launched_at else None,
        dollars_per_hour=one.dollars_per_hour,
        run=one.labels.get("verlbot-run", ""),
        gpus=ceil(one.nodes * one.gpus),
    )
