"""SkyPilot's API server as the real SDK meets it over HTTP, with faults on request. Loopback only."""

import asyncio
import base64
import json
import pickle
import socket
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from slack_playground.faults import Fault, Faults, Trouble
from tests.doubles.sky_world import ACTIVE, Ask, Failure, Machines, World

API_VERSION, VERSION = "62", "0.14.1"
HEADERS = {"X-SkyPilot-API-Version": API_VERSION, "X-SkyPilot-Version": VERSION}

Json = dict[str, Any]


class SkyServer:
    """The double, in a thread.

    Attributes:
        faults: troubles by the path of a call and the cluster that it names, such as `/launch verl-x`.
        calls: how often each path was called; records: how many clusters `status` has listed.
        version: SkyPilot's that it pretends to be; health: what it says of itself; user: who it says that we are.
        users_status: with which it answers who its users are.
    """

    def __init__(self, world: World, port: int = 0) -> None:
        self.world = world
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.records = 0
        self.version = VERSION
        self.health = "healthy"
        self.user: Json | None = None
        self.users_status = 200
        self._port = port
        self._results: dict[str, tuple[str, Any, Any]] = {}
        self._hang = asyncio.Event()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; after `stop` on the same port again."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(128)
        self._port = listener.getsockname()[1]
        serves = Event()
        config = uvicorn.Config(self._application(), log_config=None, access_log=False, ws="none", lifespan="off")
        config.timeout_graceful_shutdown = 0
        self._server = Noticed(config, serves)
        self._thread = Thread(target=self._server.run, args=[[listener]], daemon=True, name="sky-double")
        self._thread.start()
        assert serves.wait(20)

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(10)

    def trouble(self, path: str, trouble: Trouble, **more: Any) -> None:
        """This trouble for calls of a path from now on: for a cluster, or for all."""
        self.faults.asked.append(Fault(path if " " in path else f"{path}*", trouble, **more))

    def calm(self) -> None:
        self.faults.asked.clear()

    def _application(self) -> Starlette:
        answers: dict[str, Callable[[Json], Any]] = {
            "status": self._status,
            "queue": self._queue,
            "cost_report": self._cost_report,
            "cluster_events": self._cluster_events,
            "list_accelerators": self._list_accelerators,
            "cancel": self._cancel,
            "jobs/queue/v2": self._managed_jobs,
            "jobs/cancel": lambda body: self.world.jobs.cancel(body["job_ids"]),
            "api/cancel": lambda body: self.world.cancel_requests(body["request_ids"]),
        }
        routes = [
            Route(f"/{path}", self._answering(path, answer), methods=["POST"]) for path, answer in answers.items()
        ]
        return Starlette(
            routes=[
                *routes,
                Route("/enabled_clouds", self._answering("enabled_clouds", lambda _: ["Slurm"])),
                Route("/launch", self._changing("launch", self._launch), methods=["POST"]),
                Route(
                    "/down",
                    self._changing("down", lambda body: self.world.down(body["cluster_name"])),
                    methods=["POST"],
                ),
                Route(
                    "/autostop",
                    self._changing(
                        "autostop",
                        lambda body: self.world.autostop(body["cluster_name"], body["idle_minutes"], body["down"]),
                    ),
                    methods=["POST"],
                ),
                Route("/validate", self._troubled("validate", self._validate), methods=["POST"]),
                Route("/jobs/launch", self._changing("jobs/launch", self._launch_managed), methods=["POST"]),
                Route("/jobs/logs", self._troubled("jobs/logs", self._managed_logs), methods=["POST"]),
                Route("/logs", self._troubled("logs", self._logs), methods=["POST"]),
                Route("/users", self._troubled("users", self._users)),
                Route("/api/health", self._troubled("api/health", self._health)),
                Route("/api/get", self._troubled("api/get", self._get)),
                Route("/api/status", self._troubled("api/status", self._api_status)),
            ]
        )

    # how an answer travels

    def _troubled(self, path: str, handle: Callable[[Request], Any]) -> Callable[[Request], Any]:
        """The handler, unless there is trouble."""

        async def route(request: Request) -> Response:
            self.calls[f"/{path}"] += 1
            self.world.advance()
            body = await request.json() if request.method == "POST" else {}
            fault = self.faults.take(f"/{path} {body.get('cluster_name', '')}".rstrip())
            match fault.trouble if fault else None:
                case Trouble.BROKEN:
                    return PlainTextResponse("no server is ready", status_code=503)
                case Trouble.SLOW:
                    await asyncio.sleep(fault.seconds if fault else 0.0)
            response: Response = await handle(request)
            match fault.trouble if fault else None:
                case Trouble.LOST:
                    return Response(b"{", headers={"Content-Length": "1000"})
                case Trouble.BROKEN_AFTER:
                    return PlainTextResponse("upstream connect error", status_code=503)
            response.headers.update(HEADERS)
            return response

        return route

    def _answering(self, path: str, answer: Callable[[Json], Any]) -> Callable[[Request], Any]:
        """A request that only asks: its result waits under its id."""

        async def handle(request: Request) -> Response:
            body = await request.json() if request.method == "POST" else {}
            name = {"api/cancel": "api_cancel", "jobs/queue/v2": "jobs.queue_v2"}.get(path, path.replace("/", "."))
            try:
                result, error = answer(body), None
            except Failure as failure:
                result, error = None, (failure.kind, str(failure), failure.attributes)
            request_id = f"asked-{len(self._results)}"
            self._results[request_id] = (f"sky.{name}", result, error)
            return JSONResponse(None, headers={"X-Skypilot-Request-ID": request_id})

        return self._troubled(path, handle)

    def _changing(self, path: str, change: Callable[[Json], Ask]) -> Callable[[Request], Any]:
        async def handle(request: Request) -> Response:
            ask = change(await request.json())
            self.world.advance()
            return JSONResponse(None, headers={"X-Skypilot-Request-ID": ask.id})

        return self._troubled(path, handle)

    async def _health(self, _: Request) -> Response:
        own = {"api_version": API_VERSION, "version": self.version, "commit": "double"}
        return JSONResponse({"status": self.health, "user": self.user, **own})

    async def _users(self, _: Request) -> Response:
        system = {"id": "skypilot-system", "name": "skypilot-system", "created_at": self.world.born}
        users = [{"id": "bot", "name": "bot", "created_at": self.world.born + 60}, system]
        return JSONResponse(users, status_code=self.users_status)

    async def _get(self, request: Request) -> Response:
        request_id = request.query_params["request_id"]
        if request_id in self._results:
            name, result, error = self._results[request_id]
            status = "FAILED" if error else "SUCCEEDED"
        else:
            ask = next((ask for ask in self.world.asks if ask.id == request_id), None)
            if ask is None:
                return JSONResponse({"detail": f"Request {request_id!r} not found"}, status_code=404)
            name, result, error, status = ask.name, None, ask.error, ask.status
        found = payload(request_id, name, status=status, return_value=json.dumps(result), error=raised(error))
        return JSONResponse({"detail": found}, status_code=500) if error else JSONResponse(found)

    async def _api_status(self, request: Request) -> Response:
        query = request.query_params
        cluster, everything = query.get("cluster_name"), query.get("all_status", "").lower() == "true"
        ids = query.getlist("request_ids")
        found = [
            payload(
                ask.id, ask.name, status=ask.status, cluster_name=ask.cluster, created_at=ask.at, user_name=ask.user
            )
            for ask in self.world.asks
            if cluster in (None, ask.cluster) and (everything or ask.status in ACTIVE) and (not ids or ask.id in ids)
        ]
        return JSONResponse(found)

    # what is answered

    def _launch(self, body: Json) -> Ask:
        task = next(one for one in reversed(list(yaml.safe_load_all(body["task"]))) if one)
        return self.world.launch(body["cluster_name"], task)

    def _launch_managed(self, body: Json) -> Ask:
        *head, task = [one for one in yaml.safe_load_all(body["task"]) if one]
        return self.world.jobs.launch(body["name"] or head[0]["name"], task)

    def _managed_jobs(self, body: Json) -> Json:
        found = self.world.jobs.queue(body)
        return {"jobs": found, "total": len(found), "total_no_filter": len(found), "status_counts": {}}

    async def _managed_logs(self, request: Request) -> Response:
        body = await request.json()
        lines = self.world.jobs.log(body["job_id"], body["tail"])
        if lines is None:
            await asyncio.sleep(3600)
        text = "".join(f"{line}\n" for line in lines or ())
        return PlainTextResponse(text, headers={"X-Skypilot-Request-ID": "logs"})

    async def _validate(self, _: Request) -> Response:
        if self.world.refuses:
            kind, message = self.world.refuses
            return JSONResponse({"detail": exception(kind, message)}, status_code=400)
        return JSONResponse(None)

    def _status(self, body: Json) -> list[Json]:
        wanted = body.get("cluster_names")
        if body.get("refresh") == "FORCE":
            for name in wanted or list(self.world.clusters):
                self.world.refresh(name)
        found = [
            record(one)
            for one in self.world.clusters.values()
            if not one.hidden and (wanted is None or one.name in wanted)
        ]
        self.records += len(found)
        return found

    def _queue(self, body: Json) -> list[Json]:
        jobs = self.world.reach(body["cluster_name"]).jobs
        return [
            {
                "job_id": job.id, "job_name": job.name, "username": "bot", "user_hash": "bot", "submitted_at": 0.0,
                "resources": "", "status": job.status, "log_path": "", "metadata": {}, "links": {},
            }
            for job in reversed(jobs)
        ]  # fmt: skip

    def _cancel(self, body: Json) -> None:
        self.world.cancel_jobs(body["cluster_name"], body["job_ids"])

    def _cost_report(self, body: Json) -> list[Json]:
        """Those that exist, and those that were removed in the requested days."""
        now, hashes = self.world.now(), body.get("cluster_hashes")
        first = now - (30 if body.get("days") is None else body["days"]) * 86400
        return [
            {
                "name": one.name, "launched_at": int(one.since), "duration": (one.gone_at or now) - one.since,
                "num_nodes": one.nodes, "resources": None, "cluster_hash": one.hash,
                "status": None if one.gone_at else one.status,
                "total_cost": self.world.dollars_per_node_hour * one.nodes * ((one.gone_at or now) - one.since) / 3600,
            }
            for one in [*self.world.graves, *self.world.clusters.values(), *self._managed_clusters()]
            if (one.gone_at is None or one.gone_at >= first) and (hashes is None or one.hash in hashes)
        ]  # fmt: skip

    def _managed_clusters(self) -> list[Machines]:
        """Those of a controller that was rented are in its report, not in the server's."""
        jobs = self.world.jobs
        return [*jobs.graves, *jobs.clusters.values()] if jobs.consolidated else []

    def _cluster_events(self, body: Json) -> list[Json]:
        for one in [*self.world.graves, *self.world.clusters.values()]:
            if one.hash == body["cluster_hash"]:
                return [{"reason": reason, "transitioned_at": 0} for reason in one.events[-body["limit"] :]]
        raise Failure("ValueError", f"Hash {body['cluster_hash']} not found.")

    def _list_accelerators(self, body: Json) -> dict[str, list[list[Any]]]:
        name = (body["name_filter"] or "").strip("^$")
        price = {one.lower(): dollars for one, dollars in self.world.accelerators.items()}.get(name.lower())
        if price is None:
            return {}
        return {
            name: [
                ["slurm", None, name, count, 64, 0.0, 500.0, price * count, price * count, "gpu"] for count in (1, 8)
            ]
        }

    async def _logs(self, request: Request) -> Response:
        body = await request.json()
        try:
            found = self.world.reach(body["cluster_name"])
        except Failure:
            return PlainTextResponse("", headers={"X-Skypilot-Request-ID": "logs"})  # as SkyPilot's: 200, and nothing
        lines = found.log[-body["tail"] :] if body["tail"] else found.log
        over = [
            f"✓ Job finished (status: {job.status})."
            for job in found.jobs[:1]
            if job.status not in ("RUNNING", "PENDING")
        ]
        text = "".join(f"{line}\n" for line in [*lines, *over])
        return PlainTextResponse(text, headers={"X-Skypilot-Request-ID": "logs"})


class Noticed(uvicorn.Server):
    """Uvicorn's, which says when it serves."""

    def __init__(self, config: uvicorn.Config, serves: Event) -> None:
        super().__init__(config)
        self._serves = serves

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._serves.set()


def payload(request_id: str, name: str, **more: Any) -> Json:
    """A request as the server sends it."""
    nothing = encoded(None)
    return {
        "request_id": request_id, "name": name, "entrypoint": nothing, "request_body": nothing, "status": "SUCCEEDED",
        "created_at": 0.0, "user_id": "bot", "return_value": "null", "error": "null", "pid": None,
        "schedule_type": "short",
    } | more  # fmt: skip


def record(one: Machines) -> Json:
    """A cluster as `status` has it."""
    return {
        "name": one.name, "launched_at": int(one.since), "handle": None, "status": one.status, "autostop": one.autostop,
        "to_down": one.to_down, "cluster_hash": one.hash, "cluster_ever_up": True, "user_hash": "bot",
        "user_name": "bot", "workspace": "default", "is_managed": False, "nodes": one.nodes, "cloud": "Slurm",
        "region": "double",
        "init_kind": "unhealthy" if one.unhealthy else "launching" if one.status == "INIT" else None,
        "init_status_reason": one.unhealthy, "labels": one.labels,
    }  # fmt: skip


def exception(kind: str, message: str, attributes: Json | None = None) -> Json:
    return {
        "type": kind, "message": message, "args": (message,), "attributes": attributes or {}, "stacktrace": None,
    }  # fmt: skip


def raised(error: tuple[Any, ...] | None) -> str:
    if error is None:
        return "null"
    return json.dumps({"object": encoded(exception(*error)), "type": error[0], "message": error[1]})


def encoded(value: Any) -> str:
    return base64.b64encode(pickle.dumps(value)).decode()
