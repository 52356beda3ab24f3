"""SkyPilot's client as a package of modules that answer from the double of its server, without HTTP.

The bot's adapter imports it as it imports the real one, and is not changed for it.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.doubles.sky_server import record
from tests.doubles.sky_world import ACTIVE, Ask, Failure, World
from tests.simulation.outside import DONE_WITHOUT_REPLY, NoReply, Outside

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Word:
    """A member of one of SkyPilot's enumerations."""

    value: str


@dataclass
class Sky:
    """The answers of a server to the calls of the client.

    Attributes:
        outside, world: of the schedule; results: of the questions asked, by request.
        note_removal: called with each cluster whose removal is requested.
    """

    outside: Outside
    world: World
    results: dict[str, tuple[Any, Failure | None]] = field(default_factory=dict)
    note_removal: Callable[[str], None] = lambda cluster: None

    def answer(self, path: str, cluster: str, act: Callable[[], Any]) -> Any:
        """Return what a call answers, if nothing is wrong on its way."""
        trouble = self.outside.call(f"sky.{path} {cluster}".rstrip())
        self.world.advance()
        if trouble is not None and trouble not in DONE_WITHOUT_REPLY:
            raise NoReply(f"no server is ready: {path}")
        answer = act()
        self.world.advance()
        if trouble is not None:
            raise NoReply(f"the reply is lost: {path}")
        return answer

    def ask(self, path: str, cluster: str, find: Callable[[], Any]) -> str:
        """Return the request of a question, whose result waits."""

        def store() -> str:
            name = f"asked-{len(self.results)}"
            try:
                self.results[name] = find(), None
            except Failure as failure:
                self.results[name] = None, failure
            return name

        return str(self.answer(path, cluster, store))

    # the calls of `sky.client.sdk`

    def get(self, request_id: str) -> Any:
        return self.answer("get", "", lambda: self._find_result(request_id))

    def _find_result(self, request_id: str) -> Any:
        if request_id in self.results:
            result, failure = self.results[request_id]
            if failure:
                raise raised(failure.kind, str(failure), failure.attributes)
            return result
        ask = next((ask for ask in self.world.asks if ask.id == request_id), None)
        if ask is None:
            raise raised("RequestNotFound", f"Request {request_id!r} not found")
        if ask.error:
            raise raised(*ask.error)
        return None

    def status(self, names: Sequence[str] | None, **options: Any) -> str:
        return self.ask("status", "", lambda: self._list_clusters(names, options.get("refresh")))

    def _list_clusters(self, names: Sequence[str] | None, refresh: object) -> list[Json]:
        if refresh:
            for name in names or list(self.world.clusters):
                self.world.refresh(name)
        return [
            record(one) | {"status": Word(one.status)}
            for one in self.world.clusters.values()
            if not one.hidden and (names is None or one.name in names)
        ]

    def queue(self, cluster: str, **_: Any) -> str:
        return self.ask("queue", cluster, lambda: self._list_jobs(cluster))

    def _list_jobs(self, cluster: str) -> list[Json]:
        jobs = self.world.reach(cluster).jobs
        return [{"job_id": job.id, "job_name": job.name, "status": Word(job.status)} for job in jobs]

    def cancel(self, cluster: str, job_ids: list[int]) -> str:
        return self.ask("cancel", cluster, lambda: self.world.cancel_jobs(cluster, job_ids))

    def cost_report(self, days: int | None = None) -> str:
        return self.ask("cost_report", "", lambda: self.list_costs(days, None))

    def list_costs(self, days: int | None, hashes: Sequence[str] | None) -> list[Json]:
        """Return the rows of the cost report: clusters that exist, and those that went in so many days."""
        now = self.world.now()
        first = now - (30 if days is None else days) * 86400
        return [
            {
                "name": one.name,
                "launched_at": int(one.since),
                "duration": (one.gone_at or now) - one.since,
                "cluster_hash": one.hash,
                "status": None if one.gone_at else Word(one.status),
                "total_cost": self.world.dollars_per_node_hour * one.nodes * ((one.gone_at or now) - one.since) / 3600,
            }
            for one in [*self.world.graves, *self.world.clusters.values()]
            if (one.gone_at is None or one.gone_at >= first) and (hashes is None or one.hash in hashes)
        ]

    def list_events(self, body: Json) -> list[Json]:
        """Return the last events of a cluster."""
        for one in [*self.world.graves, *self.world.clusters.values()]:
            if one.hash == body["cluster_hash"]:
                return [{"reason": reason, "transitioned_at": 0} for reason in one.events[-body["limit"] :]]
        raise Failure("ValueError", "Hash not found.")

    def api_status(
        self,
        request_ids: Sequence[str] | None = None,
        all_status: bool = False,
        cluster_name: str | None = None,
        fields: object = None,
    ) -> list[SimpleNamespace]:
        def find() -> list[SimpleNamespace]:
            return [
                describe(ask)
                for ask in self.world.asks
                if cluster_name in (None, ask.cluster)
                and (all_status or ask.status in ACTIVE)
                and (not request_ids or ask.id in request_ids)
            ]

        return list(self.answer("api_status", cluster_name or "", find))

    def api_cancel(self, request_ids: list[str], silent: bool = False) -> str:
        return self.ask("api_cancel", "", lambda: self.world.cancel_requests(request_ids))

    def validate(self, dag: Any) -> None:
        self.answer("validate", "", lambda: None)

    def launch(self, task: Any, cluster_name: str) -> str:
        return str(self.answer("launch", cluster_name, lambda: self.world.launch(cluster_name, task.config).id))

    def down(self, cluster: str) -> str:
        def remove() -> str:
            self.note_removal(cluster)
            return self.world.down(cluster).id

        return str(self.answer("down", cluster, remove))

    def autostop(self, cluster: str, minutes: int, wait_for: object, down: bool) -> str:
        return str(self.answer("autostop", cluster, lambda: self.world.autostop(cluster, minutes, down).id))

    def tail_logs(self, cluster: str, job_id: int | None, tail: int, **_: Any) -> "LogStream":
        def read() -> LogStream:
            try:
                found = self.world.reach(cluster)
            except Failure:
                return LogStream("")
            over = [
                f"✓ Job finished (status: {job.status})."
                for job in found.jobs[:1]
                if job.status not in ("RUNNING", "PENDING")
            ]
            return LogStream("".join(f"{line}\n" for line in [*found.log[-tail:], *over]))

        stream: LogStream = self.answer("logs", cluster, read)
        return stream

    def enabled_clouds(self) -> str:
        return self.ask("enabled_clouds", "", lambda: ["Slurm"])

    # the calls that the client has no function for

    def request(self, verb: str, path: str, json: Json | None = None, **_: Any) -> SimpleNamespace:
        """Return what the server answers to a call by its path."""
        match path:
            case "/users":
                born = self.world.born
                users = [{"id": "bot", "created_at": born + 60}, {"id": "skypilot-system", "created_at": born}]
                answer = SimpleNamespace(status_code=200, json=lambda: users)
                self.answer("users", "", lambda: None)
                return answer
            case "/cost_report":
                body = json or {}
                name = self.ask("cost_report", "", lambda: self.list_costs(body["days"], body["cluster_hashes"]))
            case "/cluster_events":
                name = self.ask("cluster_events", "", lambda: self.list_events(json or {}))
            case _:
                raise AssertionError(f"the double has no {verb} {path}")
        return SimpleNamespace(status_code=200, request_id=name)


@dataclass(frozen=True, slots=True)
class LogStream:
    """A log as the client streams it."""

    text: str

    def iter_content(self, _: int) -> Iterator[bytes]:
        yield self.text.encode()


class Task:
    """A task as the client parses it."""

    def __init__(self, config: Json) -> None:
        self.config = config

    @classmethod
    def from_yaml_config(cls, config: Json) -> "Task":
        return cls(config)


class Dag:
    """A graph of one task."""

    def __enter__(self) -> "Dag":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the graph."""

    def add(self, task: Task) -> None:
        """Add a task."""


class Body:
    """A request's body."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def model_dump_json(self) -> str:
        return json.dumps(self.fields)


class Cached:
    """A function with a cache that may be cleared."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def __call__(self) -> object:
        return self._answer

    def cache_clear(self) -> None:
        """Clear nothing."""


def describe(ask: Ask) -> SimpleNamespace:
    """Return a request as the client shows it."""
    return SimpleNamespace(
        request_id=ask.id,
        name=ask.name,
        status=ask.status,
        cluster_name=ask.cluster,
        created_at=ask.at,
        user_name=ask.user,
        user_id=ask.user,
    )


def raised(kind: str, message: str, attributes: Json | None = None) -> Exception:
    """Return an exception of SkyPilot's, which the adapter knows by its name."""
    error: Exception = type(kind, (Exception,), {})(message)
    for name, value in (attributes or {}).items():
        setattr(error, name, value)
    return error


class Current:
    """The server of the schedule that runs, for modules that are imported once."""

    def __init__(self) -> None:
        self.sky: Sky | None = None

    def request(self, *args: Any, **options: Any) -> SimpleNamespace:
        assert self.sky is not None
        return self.sky.request(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sky, name)


@contextmanager
def sky_package(current: Current) -> Iterator[None]:
    """Let `import sky` find the double; afterwards it finds what it found before."""
    redact: Callable[[str], str] = lambda url: url  # noqa: E731
    common = module(
        "sky.server.common",
        make_authenticated_request=current.request,
        get_request_id=lambda response: response.request_id,
        get_server_url=Cached("http://simulated"),
        is_api_server_local=Cached(False),
        redact_url_password=redact,
    )
    rest = module("sky.server.rest", request=None, request_without_retry=None)
    payloads = module("sky.server.requests.payloads", CostReportBody=Body, ClusterEventsBody=Body)
    stop_lib = module("sky.skylet.autostop_lib", AutostopWaitFor=Word)
    rich = module("sky.utils.rich_utils", decode_rich_status=None)
    modules = [
        module("sky", Task=Task, Dag=Dag, StatusRefreshMode=SimpleNamespace(FORCE="FORCE"), __path__=[]),
        module("sky.client", sdk=current),
        module("sky.server", common=common, rest=rest),
        module("sky.server.requests", payloads=payloads),
        module("sky.skylet", autostop_lib=stop_lib),
        module("sky.utils", rich_utils=rich),
        common,
        rest,
        payloads,
        stop_lib,
        rich,
    ]
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "sky"}
    sys.modules.update({one.__name__: one for one in modules})
    try:
        yield
    finally:
        for one in modules:
            sys.modules.pop(one.__name__, None)
        sys.modules.update(hidden)


def module(name: str, **members: object) -> ModuleType:
    found = ModuleType(name)
    vars(found).update(members)
    return found
