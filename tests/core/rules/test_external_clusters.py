"""What is launched beside the bot: whether it fits, how long it holds a place, and what is taken for the bot's own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.cluster import ClusterState
from bot.core.model.launch_plan import DEADLINE_VARIABLE
from bot.core.model.ledger import Ledger, Reservation
from bot.core.model.orphan import ListedCluster
from bot.core.model.policy import Caps, ExternalLaunchPolicy, Policy
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.rules.external_clusters import (
    ExternalCluster,
    ExternalLaunch,
    build_external_spending,
    check_external_launch,
    discover_cluster,
    find_owner,
    is_own_launch,
)
from tests.builders import NOON, a_run, at, launching, running

GRACE = timedelta(minutes=30)
BEN = ExternalLaunch("dev-box", "ben", "sky/ben", 8, 4.0)
MONTH = "2026-01"


def held(run: str, person: str, gpus: int, dollars_per_hour: float = 0.0, dollars: float = 0.0) -> Reservation:
    return Reservation(run, person, "" if run.startswith("sky/") else "C0TRAIN", gpus, dollars_per_hour, dollars)


OTHERS = Ledger((held("ppo-7f3a", "U0BEN", 8, 4.0), held("sky/other", "sky/ana", 2, 1.0)), {f"{MONTH} workspace": 90.0})


@pytest.mark.parametrize(
    ("wanted", "policy", "why"),
    [
        pytest.param(BEN, Policy(), None, id="no caps"),
        pytest.param(BEN, Policy(person=Caps(gpus=8)), None, id="under another name than his in Slack"),
        pytest.param(replace(BEN, person="U0BEN"), Policy(person=Caps(gpus=8)), "you would use 16", id="with his runs"),
        pytest.param(BEN, Policy(workspace=Caps(gpus=17)), "is 17; with this run it would use 18", id="everybody's"),
        pytest.param(BEN, Policy(workspace=Caps(gpus=18)), None, id="to the brim"),
        pytest.param(BEN, Policy(team=Caps(gpus=1), teams={"": Caps(runs=0)}), None, id="no channel's"),
        pytest.param(
            BEN,
            Policy(external_launches=ExternalLaunchPolicy(caps=Caps(runs=1))),
            "this one would make it 2",
            id="outside",
        ),
        pytest.param(
            BEN,
            Policy(external_launches=ExternalLaunchPolicy(caps=Caps(gpus=9))),
            "is 9; with this one they would use 10",
            id="outside's GPUs",
        ),
        pytest.param(
            BEN,
            Policy(external_launches=ExternalLaunchPolicy(caps=Caps(dollars_per_hour=4.5))),
            "would cost $5.00 an hour",
            id="its dollars",
        ),
        pytest.param(
            replace(BEN, dollars_per_hour=0.0),
            Policy(external_launches=ExternalLaunchPolicy(caps=Caps(dollars_per_hour=0))),
            None,
            id="unpriced",
        ),
        pytest.param(
            BEN,
            Policy(workspace=Caps(dollars_per_month=93)),
            "runs this month to $94.00",
            id="with its first hour",
        ),
        pytest.param(
            replace(BEN, cluster="other"),
            Policy(external_launches=ExternalLaunchPolicy(caps=Caps(runs=1))),
            None,
            id="once more by its name",
        ),
    ],
)
def test_a_launch_is_held_against_what_others_hold(wanted: ExternalLaunch, policy: Policy, why: str | None) -> None:
    refusals = check_external_launch(wanted, OTHERS, policy, MONTH).refusals
    assert (why is None) == (refusals == ()), refusals
    assert (why or "") in " ".join(map(str, refusals))


def test_a_rule_in_the_shadow_refuses_nothing() -> None:
    policy = Policy(
        external_launches=ExternalLaunchPolicy(caps=Caps(runs=0)),
        workspace=Caps(runs=0),
        report_only=("external_launches.runs", "workspace.runs"),
    )
    assert check_external_launch(BEN, OTHERS, policy, MONTH).report_only_rules == (
        "workspace.runs",
        "external_launches.runs",
    )
    assert check_external_launch(BEN, OTHERS, policy, MONTH).refusals == ()


# whose it is

TASK: dict[str, Any] = {
    "name": "ppo-7f3a",
    "num_nodes": 2,
    "envs": {"EPOCHS": 2},
    "run": "python3 train.py\n",
    "resources": {"accelerators": "H100:8", "infra": "k8s"},
}
WRITTEN: dict[str, Any] = {  # as SkyPilot has it on the wire
    "name": "ppo-7f3a",
    "num_nodes": 2,
    "envs": {"EPOCHS": "2"},
    "secrets": {"WANDB_API_KEY": "hush"},
    "run": "python3 train.py\n",
    "resources": {
        "infra": "kubernetes",
        "accelerators": {"H100": 8},
        "autostop": {"idle_minutes": 15, "down": True},
        "labels": {"verlbot-run": "ppo-7f3a"},
    },
    "_metadata": {"verlbot": {"run": "ppo-7f3a"}},
}


OWN = launching(secrets=("WANDB_API_KEY", "HF_TOKEN"))


@pytest.mark.parametrize(
    ("run", "task", "cluster", "own"),
    [
        pytest.param(OWN, WRITTEN, "verl-ppo-7f3a", True, id="the bot's"),
        pytest.param(OWN, WRITTEN, None, True, id="the bot's, before it has a cluster"),
        pytest.param(
            OWN,
            WRITTEN | {"envs": {"EPOCHS": "2", DEADLINE_VARIABLE: "1767355200"}},
            "verl-ppo-7f3a",
            True,
            id="the bot's, with its deadline",
        ),
        pytest.param(None, WRITTEN, "verl-ppo-7f3a", False, id="labels without a run"),
        pytest.param(a_run(), WRITTEN, "verl-ppo-7f3a", False, id="a run that waits"),
        pytest.param(running(), WRITTEN, "verl-ppo-7f3a", False, id="a run that is launched already"),
        pytest.param(OWN, WRITTEN, "dev-box", False, id="its task under another name"),
        pytest.param(OWN, WRITTEN | {"run": "sleep inf"}, "verl-ppo-7f3a", False, id="another script"),
        pytest.param(OWN, WRITTEN | {"num_nodes": 3}, "verl-ppo-7f3a", False, id="more nodes"),
        pytest.param(
            OWN, WRITTEN | {"resources": {"accelerators": {"H100": 9}}}, "verl-ppo-7f3a", False, id="more GPUs"
        ),
        pytest.param(OWN, WRITTEN | {"envs": {"EPOCHS": "3"}}, "verl-ppo-7f3a", False, id="other settings"),
    ],
)
def test_what_is_the_bots_own(run: Run | None, task: dict[str, Any], cluster: str | None, own: bool) -> None:
    assert is_own_launch(task, cluster, lambda run_id: run if run_id == "ppo-7f3a" else None, lambda _: TASK) is own


MACHINE: dict[str, Any] = WRITTEN["resources"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"resources": MACHINE | {"image_id": {None: "docker:mine"}}}, id="an image"),
        pytest.param({"resources": MACHINE | {"accelerators": {"A100": 8}}}, id="another accelerator"),
        pytest.param({"resources": MACHINE | {"infra": "kubernetes/mine"}}, id="another context"),
        pytest.param({"resources": MACHINE | {"ports": ["22"]}}, id="an open port"),
        pytest.param({"resources": MACHINE | {"cpus": "900+"}}, id="more CPUs"),
        pytest.param({"resources": MACHINE | {"memory": "9000"}}, id="more memory"),
        pytest.param({"resources": MACHINE | {"disk_size": 60000}}, id="a larger disk"),
        pytest.param({"resources": MACHINE | {"instance_type": "p5.48xlarge"}}, id="a kind of machine"),
        pytest.param({"resources": MACHINE | {"use_spot": True}}, id="spot"),
        pytest.param({"resources": MACHINE | {"labels": {"team": "mine"}}}, id="a label"),
        pytest.param({"resources": MACHINE | {"volumes": [{"path": "/v", "name": "mine"}]}}, id="a machine's volume"),
        pytest.param({"resources": MACHINE | {"_docker_login_config": {"server": "mine"}}}, id="another registry"),
        pytest.param(
            {"resources": MACHINE | {"_cluster_config_overrides": {"kubernetes": {"pod_config": {}}}}}, id="a pod"
        ),
        pytest.param({"resources": {"any_of": [MACHINE, MACHINE | {"infra": "aws"}]}}, id="a second choice"),
        pytest.param({"file_mounts": {"/root/.ssh": "s3://mine"}}, id="a mount"),
        pytest.param({"file_mounts": {"/data": {"source": "s3://mine", "mode": "MOUNT"}}}, id="a bucket"),
        pytest.param({"volumes": {"/checkpoints": "theirs"}}, id="a volume"),
        pytest.param({"volume_mounts": [{"path": "/v"}]}, id="a volume that is mounted already"),
        pytest.param({"workdir": "/tmp/mine"}, id="a folder of scripts"),
        pytest.param({"workdir": {"url": "https://git.example.org/mine"}}, id="a repository of scripts"),
        pytest.param({"setup": "curl mine | sh"}, id="another setup"),
        pytest.param({"event_callback": "curl mine | sh"}, id="a script for events"),
        pytest.param({"config": {"hooks": [{"run": "curl mine | sh", "events": ["down"]}]}}, id="a hook"),
        pytest.param({"service": {"readiness_probe": "/", "replicas": 9}}, id="a service"),
        pytest.param(
            {"secrets": {"WANDB_API_KEY": "x", "LD_PRELOAD": "/v/mine.so"}}, id="a secret that it does not name"
        ),
        pytest.param({"secrets": ["secrets:theirs"]}, id="a secret of SkyPilot's"),
        pytest.param({"managed_secrets": [{"theirs": {"mount_path": "/s"}}]}, id="a secret that is mounted"),
        pytest.param({"of_a_later_skypilot": "x"}, id="a key that nobody knows yet"),
    ],
)
def test_whoever_changes_anything_of_it_launches_another_task(changed: dict[str, Any]) -> None:
    recorded = dict.fromkeys(["ppo-7f3a"], TASK)
    assert is_own_launch(WRITTEN, OWN.cluster, lambda _: OWN, recorded.__getitem__)
    assert not is_own_launch(WRITTEN | changed, OWN.cluster, lambda _: OWN, recorded.__getitem__)


@pytest.mark.parametrize(
    ("status", "owned"), [(RunStatus.LAUNCHING, True), (RunStatus.STOPPING, True), (RunStatus.ENDED, False)]
)
def test_the_name_of_an_open_runs_cluster_is_the_runs(status: RunStatus, owned: bool) -> None:
    run = running(status=status)
    assert find_owner("verl-ppo-7f3a", lambda _: run) == (run if owned else None)


# how long it holds a place


STANDING = ListedCluster(id="1", name="dev-box", status=ClusterState.UP, user="ben", launched_at=NOON)
ADMITTED = ExternalCluster(launch=BEN, started_at=NOON, admitted_at=NOON)


def looked(outsider: ExternalCluster | None, events: str, step: float = 60) -> ExternalCluster | None:
    """A look a minute: `s`tands, or `-` left out."""
    for minute, event in enumerate(events, 1):
        if outsider is None:
            break
        now = at(minute * step)
        outsider = outsider.record_observation(STANDING, now) if event == "s" else outsider.record_absence(now, GRACE)
    return outsider


@pytest.mark.parametrize(
    ("events", "holds"),
    [
        pytest.param("-" * 29, True, id="not there yet"),
        pytest.param("-" * 31, False, id="never came"),
        pytest.param("s-", True, id="left out once"),
        pytest.param("s-s-", True, id="left out now and then"),
        pytest.param("s--", False, id="gone"),
        pytest.param("-" * 20 + "s" * 40, True, id="late, and long"),
    ],
)
def test_how_long_a_place_is_held(events: str, holds: bool) -> None:
    assert (looked(ADMITTED, events) is not None) is holds


def test_one_launched_anew_before_its_end_was_seen_keeps_its_place() -> None:
    seen = looked(ADMITTED, "s-")
    assert seen
    again = seen.readmit(replace(BEN, gpus=2), at(121))
    later = again.record_absence(at(180), GRACE)
    assert later
    assert later.record_absence(at(240), GRACE)
    assert again.launch.gpus == 8, "what stands may still stand"
    assert later.record_absence(at(121 + 1801), GRACE) is None


def test_what_it_has_cost_is_counted_as_far_as_it_was_seen() -> None:
    seen = looked(ADMITTED, "s" * 180)
    assert seen
    assert seen.reservation.dollars == 12.0
    assert build_external_spending(seen, at(10_800), UTC) == {"2026-01 person:sky/ben": 12.0, "2026-01 workspace": 12.0}
    assert ADMITTED.reservation.dollars == 4.0
    assert build_external_spending(ADMITTED, at(10_800), UTC) == {}


def test_one_that_nobody_has_asked_about_is_counted_by_what_stands() -> None:
    found = discover_cluster(
        replace(STANDING, gpus=16, dollars_per_hour=9.0), ExternalLaunchPolicy(people={"ben": "U0BEN"}), at(60)
    )
    assert found.reservation == Reservation("sky/dev-box", "U0BEN", "", 16, 9.0, 9.0, spent_dollars=0.15)


@given(st.lists(st.tuples(st.sampled_from("s-a"), st.integers(1, 900)), max_size=40))
def test_a_place_is_free_only_after_two_looks_without_it_and_always_soon_after_its_end(
    events: list[tuple[str, int]],
) -> None:
    now, outsider, last, missed = NOON, ADMITTED, NOON, list[datetime]()
    for event, seconds in events:
        now += timedelta(seconds=seconds)
        match event:
            case "s":
                outsider, last, missed = outsider.record_observation(STANDING, now), now, []
            case "a":
                outsider, last, missed = outsider.readmit(BEN, now), now, []
            case _:
                missed.append(now)
                found = outsider.record_absence(now, GRACE)
                if found is None:
                    assert len(missed) > 1
                    assert missed[-1] - missed[0] >= timedelta(seconds=30)
                    return
                assert not (now >= last + GRACE and len(missed) > 1 and now >= missed[0] + timedelta(seconds=30))
                outsider = found
