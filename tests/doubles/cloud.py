"""A cloud in memory, whose clusters come and go when a test says so. Held to the same contract as the real ones."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import fmean
from threading import Lock

from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import (
    AutostopSetting,
    ClusterState,
    Ending,
    JobState,
    Observation,
    RequestState,
    read_idle_minutes,
)
from bot.core.model.failure import ProcessLog
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.managed_job import JobsController, is_managed
from bot.core.model.money import Rate
from bot.core.model.orphan import ListedCluster
from bot.core.model.recipe import Task
from bot.core.model.rollout import FilePart, FilePosition, RunFolder, SampleBatch, SampleOrder, SampleRequest
from bot.errors import BeingStopped, ClusterNameInUse, IncompleteCheckpoint, Unavailable, UserError
from tests.builders import NOON


@dataclass
class FakeCloud:
    """Clusters by name.

    Attributes:
        seen: what a look shows of each.
        logs: what each has printed.
        launches, downs: the names in the requests, in order, repeated ones included.
        autostops: the minutes that were set, in order; autostop_by: whom it names as having changed it before.
        refuses_autostop: why no autostop can be set, if so; silent_on_autostop: whether the cloud does not say.
        autostops_asked: the autostop of each launch.
        managed: names of managed jobs: only one who knows that they are ends them.
        needs_controller: what would have to be rented before a managed job.
        foreign: names that are of another bot's clusters.
        users: whose clusters are, by name; unlisted: those that a list leaves out.
        removes: whether a removal removes.
        answers: whether anybody answers at all; answers_prices: whether to that question.
        refuses: why every launch is refused, if it is.
        loses_replies: whether a launch is accepted and its answer is lost.
        breaks_refusals: whether the reading of a task fails by a mistake, not by a refusal.
        breaks_logs: whether the reading of a log fails by a mistake, not by silence.
        fetches: the requested paths, in order; fetched: how far a fetch is.
        breaks_fetch: why every fetch fails, if it does; refuses_fetch: why it is refused.
        halts: the names whose jobs were to end, in order; breaks_halt: why none ends.
        saved: the step that each names as its newest checkpoint; unnamed: steps that are there beside it, or alone.
        torn: why the checkpoint of a step is not whole.
        kept: whole checkpoints on the bot's machine by folder and step, such as those that have come unseen.
        files: what each cluster's program has written, by path below the folder of checkpoints.
        process_reads: the clusters whose logs of Ray were read, in order.
        stopped: whether the bot has let go of it; cut_off, cuts_off_removals: whether looks, or removals, are.
        deadlines: the end that each launch was given; tags: what it wrote on its cluster.
        comes_up_at_once: whether a launched cluster is up with its job running at the next look.
        server: identity of the memory that answers; forgotten: what another one shows, which this one does not know.
    """

    seen: dict[str, Observation] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    launches: list[str] = field(default_factory=list)
    downs: list[str] = field(default_factory=list)
    autostops: list[int] = field(default_factory=list)
    autostop_by: str | None = None
    refuses_autostop: str | None = None
    silent_on_autostop: bool = False
    removes: bool = True
    answers: bool = True
    answers_prices: bool = True
    refuses: str | None = None
    loses_replies: bool = False
    breaks_refusals: bool = False
    breaks_logs: bool = False
    comes_up_at_once: bool = True
    dollars_per_node_hour: float | None = 2.0
    autostops_asked: dict[str, int | None] = field(default_factory=dict)
    managed: set[str] = field(default_factory=set)
    needs_controller: JobsController | None = None
    foreign: set[str] = field(default_factory=set)
    users: dict[str, str] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    fetches: list[str] = field(default_factory=list)
    fetched: DownloadProgress = field(
        default_factory=lambda: DownloadProgress("", 2_000_000, 2_000_000, is_complete=True)
    )
    breaks_fetch: str | None = None
    refuses_fetch: str | None = None
    halts: list[str] = field(default_factory=list)
    breaks_halt: str | None = None
    saved: dict[str, int] = field(default_factory=dict)
    unnamed: dict[str, tuple[int, ...]] = field(default_factory=dict)
    torn: dict[int, str] = field(default_factory=dict)
    kept: dict[str, dict[int, DownloadProgress]] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    process_reads: list[str] = field(default_factory=list)
    stopped: bool = False
    cut_off: bool = False
    cuts_off_removals: bool = False
    deadlines: dict[str, datetime | None] = field(default_factory=dict)
    tags: dict[str, Mapping[str, str]] = field(default_factory=dict)
    server: str = "first"
    forgotten: dict[str, Observation] | None = None
    lock: Lock = field(default_factory=Lock)

    def describe_server(self) -> str:
        self._answer()
        return "a cloud in memory"

    def stop(self) -> None:
        self.stopped = True

    def explain_refusal(self, task: Task) -> str | None:
        if self.breaks_refusals:
            raise RuntimeError("a mistake in the reading of a task")
        return self.refuses

    def estimate_rate(self, task: Task) -> Rate | None:
        self._answer()
        if not self.answers_prices:
            raise Unavailable("Nobody says what it costs.")
        if self.dollars_per_node_hour is None:
            return None
        return Rate(self.dollars_per_node_hour * int(task.get("num_nodes") or 1), "demo price")

    def find_missing_controller(self, task: Task) -> JobsController | None:
        self._answer()
        return self.needs_controller if is_managed(task) else None

    def observe(self, watched: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        if self.cut_off:
            raise BeingStopped("The bot is stopping.")
        self._answer()
        return {one.cluster: self._shown(one.cluster) for one in watched}

    def _shown(self, name: str) -> Observation:
        seen = self.seen.get(name, Observation())
        if not isinstance(seen, Observation):  # what no cloud shows, to try out a mistake
            return seen
        known = seen.cluster is not ClusterState.ABSENT or seen.ending is not None
        return replace(seen, cluster_id=self._id(name) if known else "", server=self.server)

    def _id(self, name: str) -> str:
        return f"{name}-{self.launches.count(name)}"

    def launch(self, order: LaunchOrder) -> str:
        self._answer()
        if self.refuses:
            raise UserError(self.refuses, "No process was started.")
        if order.cluster in self.foreign:
            raise ClusterNameInUse(f"of another bot exists {order.cluster}.")
        with self.lock:
            if order.cluster not in self.seen:
                self.autostops_asked[order.cluster] = read_idle_minutes(order.task)
                self.launches.append(order.cluster)
                self.managed |= {order.cluster} if order.is_managed else set()
                self.deadlines[order.cluster] = order.deadline
                self.tags[order.cluster] = order.tags
                provisioning = Observation(request=RequestState.LIVE, cluster=ClusterState.INIT)
                self.seen[order.cluster] = provisioning
                if self.comes_up_at_once:
                    self.come_up(order.cluster)
        if self.loses_replies:
            raise Unavailable("The reply was lost.")
        return f"request-{order.cluster}"

    def tail_log(self, watched: ClusterRef, lines: int) -> str:
        self._answer()
        if self.breaks_logs:
            raise RuntimeError("a mistake in the reading of a log")
        seen = self.seen.get(watched.cluster, Observation())
        if seen.cluster is ClusterState.ABSENT and not seen.keeps_log:
            return ""
        text = self.logs.get(watched.cluster, "")
        return "".join(line + "\n" for line in text.split("\n")[-lines:]) if text else ""

    def cancel_job(self, watched: ClusterRef) -> None:
        self._answer()
        if self.breaks_halt:
            raise Unavailable(self.breaks_halt)
        self.halts.append(watched.cluster)
        seen = self.seen.get(watched.cluster, Observation())
        if seen.job is not None and not seen.job.is_finished:
            self.seen[watched.cluster] = replace(seen, job=JobState.CANCELLED)

    def list_checkpoints(self, watched: ClusterRef, checkpoint: CheckpointRef, over: bool = False) -> CheckpointListing:
        self._reach(watched)
        named = self.saved.get(watched.cluster)
        steps = (*self.unnamed.get(watched.cluster, ()), *([] if named is None else [named]))
        return CheckpointListing(tuple(sorted(set(steps))), named)

    def download_checkpoint(self, watched: ClusterRef, checkpoint: CheckpointRef) -> DownloadProgress:
        folder, _, name = checkpoint.name.rpartition("/")
        step = FRAMEWORK.checkpoints.parse_folder(name) or 0
        if here := self.list_downloads(replace(checkpoint, name=folder)).get(step):
            return here
        if self.stopped:
            raise BeingStopped("The bot is stopping.")
        self._answer()
        self.fetches.append(checkpoint.path)
        if step in self.torn:
            raise IncompleteCheckpoint(self.torn[step])
        if self.refuses_fetch:
            raise UserError(self.refuses_fetch)
        self._reach(watched)
        found = replace(self.fetched, folder=f"/artifacts/{checkpoint.name}")
        if found.is_complete:
            self.kept.setdefault(folder, {})[step] = found
        return found

    def find_checkpoint_flaw(self, watched: ClusterRef, checkpoint: CheckpointRef) -> str | None:
        self._reach(watched)
        step = FRAMEWORK.checkpoints.parse_folder(checkpoint.name.rpartition("/")[2]) or 0
        return self.torn.get(step)

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        return self.kept.get(checkpoint.name, {})

    def read_samples(self, watched: ClusterRef, folder: RunFolder, request: SampleRequest) -> SampleBatch:
        self._reach(watched)
        texts = {
            int(path.rpartition("/")[2].removesuffix(".jsonl")): text
            for path, text in self.files.get(watched.cluster, {}).items()
            if path.rpartition("/")[0] == folder.location.name
        }
        step = max(texts, default=None) if request.step is None else request.step
        if step not in texts:
            return SampleBatch(steps=tuple(sorted(texts)))
        rows = [json.loads(line) for line in texts[step].splitlines()]
        picked = [{"number": number, "fields": row} for number, row in enumerate(rows, 1)]
        picked.sort(key=lambda one: one["fields"].get("score") or 0.0, reverse=request.order is SampleOrder.BEST)
        scores = [row["score"] for row in rows if "score" in row]
        spread = {"count": len(scores), "low": min(scores), "high": max(scores), "mean": fmean(scores)}
        answer = {"step": step, "steps": sorted(texts), "total": len(rows), "share": 1.0, "scores": spread}
        return FRAMEWORK.samples.parse({**answer, "samples": picked[: request.count]})

    def read_new_metrics(self, watched: ClusterRef, folder: RunFolder, prefix: str, position: FilePosition) -> FilePart:
        self._reach(watched)
        beginning = f"{folder.location.name}/{prefix}"
        paths = sorted(path for path in self.files.get(watched.cluster, {}) if path.startswith(beginning))
        if not paths:
            return FilePart(position)
        text, name = self.files[watched.cluster][paths[-1]], paths[-1].rpartition("/")[2]
        begin = position.offset if position.name == name and position.offset <= len(text) else 0
        end = text.rfind("\n") + 1
        return FilePart(FilePosition(name, "", max(begin, end)), text[begin:end])

    def request_checkpoint(self, watched: ClusterRef, folder: RunFolder, name: str) -> None:
        self._reach(watched)
        self.write_file(watched.cluster, f"{folder.location.name}/{name}", "")

    def read_process_logs(self, watched: ClusterRef, folder: RunFolder, pids: Sequence[int]) -> Sequence[ProcessLog]:
        self._reach(watched)
        self.process_reads.append(watched.cluster)
        beginning = f"{folder.location.name}/session_latest/logs/"
        logs = [
            ProcessLog(0, path.removeprefix(beginning), text)
            for path, text in self.files.get(watched.cluster, {}).items()
            if path.startswith(beginning)
        ]
        return sorted(logs, key=lambda one: one.pid not in pids)

    def write_file(self, cluster: str, path: str, text: str) -> None:
        """The program of a cluster writes a file below its folder of checkpoints."""
        self.files.setdefault(cluster, {})[path] = text

    def _reach(self, watched: ClusterRef) -> None:
        self._answer()
        if self.breaks_fetch or self.seen.get(watched.cluster, Observation()).cluster is not ClusterState.UP:
            raise Unavailable(self.breaks_fetch or "The cluster does not answer.")

    def tear_down(self, watched: ClusterRef) -> None:
        if self.cuts_off_removals:
            raise BeingStopped("The bot is stopping.")
        self._answer()
        self.downs.append(watched.cluster)
        if self.forgotten is not None and watched.cluster not in self.seen:
            return
        known = watched.is_managed == (watched.cluster in self.managed)
        if self.removes and known and self.seen.get(watched.cluster, Observation()).ending is None:
            self.seen[watched.cluster] = Observation(ending=Ending.DOWNED)

    def set_autostop(self, watched: ClusterRef, minutes: int) -> AutostopSetting:
        self._answer()
        if self.silent_on_autostop:
            raise Unavailable("The cluster does not answer.")
        if self.refuses_autostop:
            raise UserError(self.refuses_autostop)
        self.autostops.append(minutes)
        self.seen[watched.cluster] = replace(self.seen[watched.cluster], autostop_minutes=minutes)
        by, self.autostop_by = self.autostop_by, None
        return AutostopSetting(f"autostop-{len(self.autostops)}", by)

    def list_clusters(self) -> Sequence[ListedCluster]:
        self._answer()
        return [
            ListedCluster(
                id=self._id(name),
                name=name,
                status=seen.cluster,
                user=self.users.get(name, ""),
                infra=seen.infra,
                launched_at=NOON if name in self.launches else None,
                run_label=name.removeprefix("verl-") if name in self.launches else "",
                dollars_per_hour=self.dollars_per_node_hour,
                is_managed=name in self.managed,
                tags=self.tags.get(name, {}),
            )
            for name, seen in self.seen.items()
            if seen.cluster is not ClusterState.ABSENT and name not in self.unlisted
        ]

    def find_gone_clusters(self, cluster_ids: Collection[str]) -> Collection[str]:
        self._answer()
        known = {*self.launches, *self.seen} - set(self.forgotten or ())
        standing = {name for name, seen in self.seen.items() if seen.cluster is not ClusterState.ABSENT}
        return {one for one in cluster_ids if (name := one.rpartition("-")[0]) not in standing and name in known}

    def teardown_command(self, watched: ClusterRef) -> str:
        return f"rm {watched.cluster}"

    def _answer(self) -> None:
        if not self.answers:
            raise Unavailable("The cloud does not answer.")

    # what a test makes happen

    def come_up(self, cluster: str, job: JobState | None = JobState.RUNNING) -> None:
        """The cluster is up, and its job is at that state."""
        self.seen[cluster] = Observation(
            request=RequestState.SUCCEEDED,
            cluster=ClusterState.UP,
            job=job,
            job_id=1 if job else None,
            infra="a cloud in memory",
            autostop_minutes=self.autostops_asked.get(cluster, 5),
        )

    def finish(self, cluster: str, job: JobState, error: str | None = None) -> None:
        self.seen[cluster] = replace(self.seen[cluster], job=job, error=error)

    def print(self, cluster: str, *lines: str) -> None:
        """The job prints these lines more."""
        before = self.logs.get(cluster, "")
        self.logs[cluster] = "\n".join(filter(None, [before, *lines]))

    def vanish(self, cluster: str, ending: Ending) -> None:
        """The cluster goes, and its last event says how."""
        self.seen[cluster] = Observation(ending=ending)

    def forget(self) -> None:
        """Another memory answers from now on: the server's database is lost, or it is another server."""
        self.server, self.forgotten, self.seen = "second", self.seen, {}

    def remember(self) -> None:
        """The first memory answers again, and does not know the requests to the other."""
        self.server, self.seen, self.forgotten = "first", self.forgotten or {}, None
