"""SkyPilot's admin policy: what passes, what is mended and what is refused, over a real socket and on the wire."""

import base64
import json
import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from redis import Redis

from bot.adapters.redis.connection import create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.app.admin_policy_server import AdminPolicyServer, answer_launch
from bot.app.cluster_sweep import ClusterSweep, ExternalClusterTracker
from bot.app.launch_gate import AdminPolicy, AdminPolicyStore
from bot.app.operator_notices import Announcer
from bot.core.model.cluster import ClusterState, Observation, RequestState
from bot.core.model.orphan import ListedCluster
from bot.core.model.policy import UNRESTRICTED, Caps, ExternalLaunchPolicy, Policy, StoreOutageBehaviour
from tests.builders import NOON, launching
from tests.doubles.cloud import FakeCloud
from tests.live import ENDLESS, Live
from tests.waiting import free_port

pytestmark = pytest.mark.slow

HUSH = "hunter2-do-not-tell"
TASK: dict[str, Any] = {
    "run": "python3 train.py",
    "num_nodes": 2,
    "secrets": {"API_KEY": HUSH},
    "resources": {"accelerators": {"H100": 8}, "autostop": {"idle_minutes": 10, "down": True}},
}


class Served:
    """A gate on a port, a clock, and what looks for clusters."""

    def __init__(self, store: AdminPolicyStore, policy: Policy) -> None:
        self.now = NOON
        self.looks = 0
        self.forgotten: set[str] = set()
        gate = AdminPolicy(store, lambda: policy, lambda: self.now, lambda task: 4.0, self.look, UTC)
        self.server = AdminPolicyServer(gate, "127.0.0.1", 0)
        self.server.start()
        self.tracker = ExternalClusterTracker(store, lambda: policy, lambda: self.now)

    def look(self) -> None:
        self.looks += 1

    def ask(self, task: dict[str, Any] = TASK, **options: Any) -> httpx.Response:
        return asked(self.server.address, task, **options)

    def stands(self, *names: str, minutes: float = 1) -> None:
        self.now += timedelta(minutes=minutes)
        listed = [ListedCluster(id=name, name=name, status=ClusterState.UP, user="ben") for name in names]
        self.tracker.sync(listed, self.tracker.find_missing_ids(listed) - self.forgotten)


def asked(
    address: str, task: dict[str, Any] = TASK, kind: str = "launch", user: str = "ben", **options: Any
) -> httpx.Response:
    """As SkyPilot asks, on the wire."""
    return post(address, wire(task, kind, user, **options))


def wire(task: dict[str, Any], kind: str = "launch", user: str = "ben", **options: Any) -> str:
    chosen = {"cluster_name": "dev-box", "idle_minutes_to_autostop": None, "down": False, "dryrun": False, **options}
    body = {
        "task": yaml.safe_dump(task),
        "skypilot_config": "a: 1\n",
        "request_name": kind,
        "request_options": chosen,
        "at_client_side": not user,
        "user": f"id: 12ab\nname: {user}\n" if user else "",
        "client_api_version": 70,
    }
    return json.dumps(json.dumps(body))


def post(address: str, content: str) -> httpx.Response:
    return httpx.post(address, content=content, headers={"Content-Type": "application/json"})


@pytest.fixture
def serve(store: RedisStore) -> Iterator[Any]:
    served: list[Served] = []

    def made(policy: Policy = UNRESTRICTED, to: AdminPolicyStore = store) -> Served:
        served.append(Served(to, policy))
        return served[-1]

    yield made
    for one in served:
        one.server.stop()


def passed(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = json.loads(answer.json())
    assert body["skypilot_config"] == "a: 1\n"
    found = yaml.safe_load(body["task"])
    assert isinstance(found, dict)
    return found


def places(store: RedisStore) -> list[str]:
    return sorted(one.run_id for one in store.get_ledger().reservations)


def test_a_launch_that_fits_passes_as_it_came_and_takes_its_place(serve: Any, store: RedisStore) -> None:
    assert passed(serve().ask()) == TASK
    (hold,) = store.get_ledger().reservations
    assert (hold.run_id, hold.person, hold.gpus, hold.dollars_per_hour) == ("sky/dev-box", "sky/ben", 16, 4.0)


def test_one_without_autostop_gets_it_and_keeps_its_secrets(serve: Any) -> None:
    mended = passed(serve().ask({"run": "train", "secrets": {"API_KEY": HUSH}, "resources": {}}))
    assert mended["resources"] == {"autostop": {"down": True, "idle_minutes": 30}}
    assert mended["secrets"] == {"API_KEY": HUSH}
    assert "removes itself after 30 idle minutes" in mended["run"]


def test_one_that_passes_a_cap_is_refused_in_words_and_takes_nothing(serve: Any, store: RedisStore) -> None:
    served = serve(Policy(person=Caps(gpus=16), external_launches=ExternalLaunchPolicy(people={"ben": "U0BEN"})))
    store.add(launching(requester="U0BEN", nodes=1, gpus="H100:1"), {"run": "true"})
    answer = served.ask()
    assert answer.status_code == 400
    assert answer.text == (
        "Your limit of GPUs at once is 16; with this run you would use 17. Stop a run or cluster first, and try again "
        "in a minute: `sky status` shows the clusters; in Slack, `/verl list` shows the runs and `/verl budget` what "
        "they use."
    )
    assert places(store) == ["ppo-7f3a"]
    assert served.looks == 1, "whoever has just removed one need not wait for the next sweep"


@pytest.mark.parametrize(
    ("kind", "options"),
    [("validate", {}), ("optimize", {}), ("launch", {"dryrun": True}), ("jobs.launch", {}), ("launch", {"user": ""})],
    ids=["validate", "optimize", "a dry run", "a managed job", "a client's own asking"],
)
def test_what_launches_nothing_yet_takes_nothing(serve: Any, store: RedisStore, kind: str, options: Any) -> None:
    passed(serve().ask(kind=kind, **options))
    assert places(store) == []


@pytest.mark.parametrize("kind", ["validate", "optimize", "launch", "jobs.launch", "serve.up"])
def test_each_step_meets_the_same_caps(serve: Any, kind: str) -> None:
    assert serve(Policy(workspace=Caps(gpus=15))).ask(kind=kind).status_code == 400


@pytest.mark.parametrize("kind", ["exec", "jobs.launch_cluster", "jobs.launch_controller", "of a later SkyPilot"])
def test_what_needs_no_machines_of_its_own_is_let_pass(serve: Any, kind: str) -> None:
    assert passed(serve(Policy(workspace=Caps(runs=0))).ask({"run": "a"}, kind=kind)) == {"run": "a"}


def test_a_place_is_held_while_the_cluster_stands_and_is_free_after_two_looks_without_it(
    serve: Any, store: RedisStore
) -> None:
    served = serve(Policy(external_launches=ExternalLaunchPolicy(caps=Caps(runs=1))))
    passed(served.ask())
    served.stands("dev-box", minutes=60)
    assert served.ask(cluster_name="another").status_code == 400
    served.stands()
    served.stands()
    passed(served.ask(cluster_name="another"))
    assert places(store) == ["sky/another"]
    assert store.get_ledger().spent_dollars == {"2026-01 person:sky/ben": 4.0, "2026-01 workspace": 4.0}


def test_a_place_is_kept_while_skypilot_does_not_remember_its_cluster(serve: Any, store: RedisStore) -> None:
    served = serve()
    served.ask()
    served.stands("dev-box")
    served.forgotten = {"dev-box"}
    for _ in range(3):
        served.stands()
    assert len(store.get_ledger().reservations) == 1
    served.forgotten = set()
    for _ in range(3):
        served.stands()
    assert store.get_ledger().reservations == ()


@pytest.mark.parametrize(("days", "held"), [pytest.param(6, 1, id="six days"), pytest.param(8, 0, id="eight")])
def test_a_place_is_not_kept_for_ever_where_skypilots_memory_never_comes_back(
    serve: Any, store: RedisStore, days: int, held: int
) -> None:
    served = serve()
    served.ask()
    served.stands("dev-box")
    served.forgotten = {"dev-box"}
    served.stands(minutes=days * 24 * 60)
    served.stands()
    assert len(store.get_ledger().reservations) == held


def test_of_a_cluster_that_has_a_place_and_is_not_listed_any_more_people_hear_once(
    serve: Any, store: RedisStore
) -> None:
    served, cloud = serve(), FakeCloud()
    passed(served.ask())
    cloud.seen["dev-box"] = Observation(request=RequestState.SUCCEEDED, cluster=ClusterState.UP)
    told = Announcer(store, lambda: served.now, "C0OPS")
    sweep = ClusterSweep(
        cloud, store, lambda: served.now, lambda: True, lambda: None, external_clusters=served.tracker, announcer=told
    )
    sweep.sweep()
    cloud.forget()
    for _ in range(4):
        served.now += timedelta(minutes=3)
        sweep.sweep()
    texts = [one.text for one in store.list_notices()]
    assert [str(text).count("SkyPilot no longer lists `dev-box`") for text in texts] == [1]
    assert len(store.get_ledger().reservations) == 1


def test_a_cluster_that_was_let_pass_is_not_told_of_as_nobodys_and_one_that_never_asked_is(
    serve: Any, store: RedisStore
) -> None:
    served, cloud = serve(), FakeCloud()
    passed(served.ask())
    for name in ("dev-box", "by-hand"):
        cloud.seen[name] = Observation(request=RequestState.SUCCEEDED, cluster=ClusterState.UP)
    ClusterSweep(cloud, store, lambda: served.now, lambda: True, lambda: None, external_clusters=served.tracker).sweep()
    assert [one.cluster.name for one in store.get_orphans().values()] == ["by-hand"]
    assert places(store) == ["sky/by-hand", "sky/dev-box"]


def test_one_that_never_came_is_given_up_after_its_grace(serve: Any, store: RedisStore) -> None:
    served = serve()
    passed(served.ask())
    served.stands(minutes=29)
    assert places(store) == ["sky/dev-box"]
    served.stands(minutes=2)
    assert places(store) == []
    assert store.get_ledger().spent_dollars == {}


def test_what_stands_without_having_asked_is_counted(serve: Any, store: RedisStore) -> None:
    serve().stands("by-hand", "verl-ppo-7f3a")
    assert places(store) == ["sky/by-hand", "sky/verl-ppo-7f3a"]


def test_a_runs_cluster_takes_no_second_place(serve: Any, store: RedisStore) -> None:
    store.add(launching(), {"run": "true"})
    serve().stands("verl-ppo-7f3a")
    assert places(store) == ["ppo-7f3a"]


def test_the_bots_own_launch_passes_and_a_stranger_under_its_name_does_not(serve: Any, store: RedisStore) -> None:
    served = serve(Policy(workspace=Caps(runs=0)))
    own = {"name": "ppo-7f3a", "run": "train", "resources": {"accelerators": "H100:8"}}
    store.add(launching(secrets=("API_KEY",)), own)
    written = own | {"resources": {"accelerators": {"H100": 8}}, "secrets": {"API_KEY": HUSH}, "num_nodes": 1}
    assert passed(served.ask(written, cluster_name="verl-ppo-7f3a")) == written
    refused = served.ask(written | {"run": "mine"}, cluster_name="verl-ppo-7f3a")
    assert refused.text == "The cluster verl-ppo-7f3a belongs to verlbot's run ppo-7f3a. Launch under another name."
    assert served.ask(written, cluster_name="mine").status_code == 400


def test_of_fifty_at_once_never_one_too_many_is_let_pass(serve: Any, store: RedisStore, redis: Redis) -> None:
    policy = Policy(workspace=Caps(gpus=16 * 7))
    both = [serve(policy), serve(policy, RedisStore(redis))]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: both[number % 2].ask(cluster_name=f"c{number}"), range(50)))
    assert [one.status_code for one in answers].count(200) == 7
    assert len(places(store)) == 7


@pytest.mark.parametrize(
    ("chosen", "status", "words"),
    [(StoreOutageBehaviour.REFUSE, 400, "records do not answer"), (StoreOutageBehaviour.ALLOW, 200, "idle_minutes")],
)
def test_without_a_store_it_fails_as_the_team_has_chosen(
    serve: Any, chosen: StoreOutageBehaviour, status: int, words: str
) -> None:
    gone = RedisStore(create_client("redis://127.0.0.1:1/0", 0.2))
    answer = serve(Policy(external_launches=ExternalLaunchPolicy(on_store_outage=chosen)), gone).ask({"run": "a"})
    assert answer.status_code == status
    assert words in answer.text


BROKEN_YAML = json.dumps(json.dumps({"task": f"a: [{HUSH}", "skypilot_config": "", "request_name": "launch"}))


@pytest.mark.parametrize(
    ("content", "status"),
    [
        pytest.param(BROKEN_YAML, 400, id="YAML that cannot be read"),
        pytest.param(
            json.dumps(json.dumps({"task": f"- {HUSH}", "skypilot_config": "", "request_name": "l"})), 400, id="a list"
        ),
        pytest.param(json.dumps({"task": HUSH}), 400, id="JSON once"),
        pytest.param(HUSH, 400, id="no JSON"),
        pytest.param(json.dumps(HUSH * 300_000), 413, id="too much"),
    ],
)
def test_what_cannot_be_read_is_not_quoted(
    serve: Any, content: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = post(serve().server.address, content)
    assert answer.status_code == status
    assert HUSH not in answer.text + caplog.text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/admin-policy/{secret}", {}, 200, id="the secret in the address"),
        pytest.param("/admin-policy", {"Authorization": "Basic {basic}"}, 200, id="the secret as a password"),
        pytest.param("/admin-policy", {}, 403, id="none"),
        pytest.param("/admin-policy/", {}, 403, id="an empty one"),
        pytest.param("/admin-policy/{secret}x", {}, 403, id="one letter too many"),
        pytest.param("/admin-policy/%C3%BC", {}, 403, id="letters that none has"),
        pytest.param("/admin-policy/x", {"Authorization": "Basic {basic}"}, 200, id="one of the two"),
        pytest.param("/admin-policy", {"Authorization": "Basic ünï"}, 403, id="no password at all"),
        pytest.param("/admin-policy", {"Authorization": "Bearer {secret}"}, 403, id="another scheme"),
        pytest.param("/{secret}", {}, 404, id="the secret at another path"),
    ],
)
def test_only_who_knows_the_secret_is_heard(
    serve: Any, path: str, headers: dict[str, str], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve().server
    secret = server.address.rpartition("/")[2]
    known = {"secret": secret, "basic": base64.b64encode(f"verlbot:{secret}".encode()).decode()}
    start = server.address.removesuffix(f"/admin-policy/{secret}")
    sent = [(name.encode(), text.format(**known).encode("latin-1")) for name, text in headers.items()]
    answer = httpx.post(start + path.format(**known), content=wire(TASK), headers=sent, trust_env=False)
    assert answer.status_code == status, answer.text
    assert secret not in answer.text + caplog.text
    assert len(secret) >= 32


def test_a_stranger_is_refused_before_he_has_sent_anything(serve: Any) -> None:
    """The answer comes though the body, of which a length was promised, never does."""
    host, port = serve().server.address.removeprefix("http://").split("/")[0].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as link:
        link.sendall(b"POST /admin-policy/guess HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n")
        assert b" 403 " in link.recv(4096)


def with_machines(**resources: Any) -> dict[str, Any]:
    return {"run": "a", "resources": resources}


@pytest.mark.parametrize(
    ("task", "words"),
    [
        pytest.param(with_machines(accelerators="H100:-8"), "`accelerators`", id="fewer than no GPUs"),
        pytest.param(with_machines(accelerators={"H100": -8}), "`accelerators`", id="fewer than none, by name"),
        pytest.param(with_machines(accelerators="H100:1e308"), "`accelerators`", id="more GPUs than atoms"),
        pytest.param(with_machines(accelerators={"H100": float("inf")}), "`accelerators`", id="without end"),
        pytest.param(with_machines(accelerators={"H100": float("nan")}), "`accelerators`", id="no number"),
        pytest.param(with_machines(accelerators={"H100": 0}), "`accelerators`", id="none of a kind"),
        pytest.param(with_machines(accelerators={"H100": 10**300}), "`accelerators`", id="300 digits"),
        pytest.param(with_machines(accelerators={"H100": True}), "`accelerators`", id="a yes"),
        pytest.param(with_machines(accelerators={"H100": {"a": 1}}), "`accelerators`", id="a mapping for a count"),
        pytest.param(with_machines(accelerators=8), "`accelerators`", id="a count without a name"),
        pytest.param(with_machines(accelerators="H100:1_0"), "`accelerators`", id="as only Python writes it"),
        pytest.param(
            with_machines(any_of=[{"accelerators": "L4"}, {"accelerators": "H100:-8"}]), "`acc", id="a choice"
        ),
        pytest.param(with_machines(ordered=[{"accelerators": f"K{n}"} for n in range(257)]), "`any_of`", id="choices"),
        pytest.param(
            with_machines(any_of=[{"accelerators": [f"K{n}" for n in range(40)]} for _ in range(40)]),
            "`any_of`",
            id="choices of choices",
        ),
        pytest.param(with_machines(any_of={"accelerators": "L4"}), "`any_of`", id="a choice that is no list"),
        pytest.param(
            with_machines(any_of=[{"any_of": [{"accelerators": "L4"}]}]), "`any_of`", id="a choice of choices"
        ),
        pytest.param(with_machines(any_of=["L4"]), "`any_of`", id="a choice that is no mapping"),
        pytest.param(with_machines(max_hourly_cost=float("nan")), "`max_hourly_cost`", id="a price that is none"),
        pytest.param(with_machines(memory="-1"), "`memory`", id="less than no memory"),
        pytest.param(with_machines(cpus="1e308"), "`cpus`", id="CPUs without end"),
        pytest.param(with_machines(disk_size=-5), "`disk_size`", id="less than no disk"),
        pytest.param(with_machines(autostop="9" * 30 + "w"), "`autostop`", id="an autostop after the sun"),
        pytest.param(with_machines(autostop={"idle_minutes": 10**12}), "`idle_minutes`", id="minutes without end"),
        pytest.param({"run": "a", "num_nodes": -2}, "`num_nodes`", id="fewer than no nodes"),
        pytest.param({"run": "a", "num_nodes": 10**30}, "`num_nodes`", id="nodes without end"),
        pytest.param({"run": "a", "num_nodes": 1.5}, "`num_nodes`", id="half a node"),
        pytest.param({"run": "a", "num_nodes": [2]}, "`num_nodes`", id="a list of nodes"),
        pytest.param({"run": "a", "resources": [1]}, "`resources`", id="resources that are a list"),
        pytest.param({"run": "a", "envs": "A=1"}, "`envs`", id="variables that are a text"),
        pytest.param({"run": "a", "secrets": "A"}, "`secrets`", id="secrets that are a text"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words_and_counts_nothing(
    store: RedisStore, task: dict[str, Any], words: str
) -> None:
    gate = AdminPolicy(store, lambda: Policy(workspace=Caps(gpus=8)), lambda: NOON, lambda _: 4.0, lambda: None, UTC)
    told = answer_launch(gate, wire(task).encode())
    assert (told.status_code, words in str(told.body)) == (400, True), told.body
    assert places(store) == []


LAUGHS = "a: &b0 [x, x]\n" + "".join(f"b{n}: &b{n + 1} [{', '.join([f'*b{n}'] * 9)}]\n" for n in range(9))


@pytest.mark.parametrize(
    "task",
    [
        pytest.param("[" * 200_000, id="lists without a bottom"),
        pytest.param("{" * 200_000, id="mappings without a bottom"),
        pytest.param("- " * 200_000, id="dashes"),
        pytest.param("\n".join(" " * depth + "a:" for depth in range(900)), id="levels"),
        pytest.param(LAUGHS, id="aliases of aliases"),
        pytest.param("a: &a [*a]", id="an alias of itself"),
        pytest.param("".join(f"b{n}: &b{n} [{f'*b{n - 1}' if n else 'x'}]\n" for n in range(300)), id="a chain"),
        pytest.param("a: &a {x: 1}\nb: {<<: [*a, *a]}", id="merges"),
        pytest.param("num_nodes: " + "1" * 200_000, id="digits"),
        pytest.param("num_nodes: " + ":".join(["1"] * 100_000), id="digits of an hour"),
        pytest.param("num_nodes: 0x" + "f" * 200_000, id="digits to sixteen"),
        pytest.param("num_nodes: -0b" + "1" * 200_000, id="digits to two"),
        pytest.param("num_nodes: 2001-99-99", id="a day that never was"),
        pytest.param("run: !!python/object/apply:os.system [id]", id="a program"),
        pytest.param("a: [" + ", ".join(["x"] * 100_000) + "]", id="a hundred thousand"),
        pytest.param("a: \ud800", id="half a letter"),
    ],
)
def test_a_text_that_is_made_to_hold_it_up_does_not(
    store: RedisStore, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    gate = AdminPolicy(store, lambda: UNRESTRICTED, lambda: NOON, lambda _: 4.0, lambda: None, UTC)
    body = {"task": task, "skypilot_config": "a: 1\n", "request_name": "launch", "user": "name: ben"}
    began = time.monotonic()
    told = answer_launch(gate, json.dumps(json.dumps(body)).encode())
    assert (told.status_code, told.body) == (400, b"This is no request of SkyPilot's for an admin policy.")
    assert time.monotonic() - began < 5
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["x" * 201, "a\nb", "\u202eben"])
def test_no_user_or_cluster_has_a_name_that_would_spoil_a_list(serve: Any, name: str) -> None:
    assert serve().ask(user=json.dumps(name)).status_code == 400
    assert serve().ask(cluster_name=name).status_code == 400


def test_no_secret_is_logged_or_kept_whatever_becomes_of_its_launch(
    serve: Any, redis: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    # SkyPilot silences the loggers of others, where another test has imported it; no bot does.
    monkeypatch.setattr(logging.getLogger("bot.app.admin_policy_server"), "disabled", False)
    told = [serve(Policy(workspace=Caps(gpus=most))).ask(cluster_name=f"c{most}").text for most in (0, 16)]
    failing = serve()
    monkeypatch.setattr(
        failing.server, "_admin_policy", replace(failing.server._admin_policy, hourly_rate=priced_wrongly)
    )
    told.append(failing.ask().text)
    told.append(serve().ask(TASK | {"num_nodes": HUSH}).text)
    assert "its log says where" in told[2]
    kept = [redis.hgetall(key) for key in redis.keys("*")]
    assert HUSH not in told[0] + told[2] + told[3] + caplog.text + str(kept)
    assert "a launch cannot be judged: ValueError in priced_wrongly" in caplog.text


def priced_wrongly(task: Any) -> float:
    raise ValueError(task)


def test_a_moment_counts_by_the_clock_it_is_given(serve: Any, store: RedisStore) -> None:
    passed(serve().ask())
    assert store.get_external_clusters()["dev-box"].admitted_at == datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.long
@pytest.mark.slow
def test_a_bot_that_is_given_a_port_answers_there_and_counts_what_it_launched_itself(tmp_path: Path) -> None:
    policy, port = tmp_path / "policy.yaml", free_port()
    policy.write_text("confirm_above_dollars: null\nworkspace: {runs: 1}\n")
    live = Live(tmp_path, VERLBOT_POLICY=str(policy), VERLBOT_ADMIN_POLICY_PORT=str(port))
    live.start()
    try:
        secret = (live.data_dir / "admin-policy-secret").read_text()
        ask = partial(asked, f"http://127.0.0.1:{port}/admin-policy/{secret}")
        mended = passed(ask({"run": "train"}, kind="validate"))
        assert mended["resources"] == {"autostop": {"down": True, "idle_minutes": 30}}
        live.launch(ENDLESS)
        assert "limit of runs at once is 1; with this one it would have 2" in ask().text
    finally:
        live.stop()
