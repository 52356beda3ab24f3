"""SkyPilot's own code of its admin policy, as client and server run it, against the gate."""

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky.task_builder import complete_task
from bot.app.admin_policy_server import AdminPolicyServer, load_mapping
from bot.app.launch_gate import AdminPolicy
from bot.config.operation_settings import default_recipes_dir
from bot.core.model.launch_plan import LaunchOrder, build_launch_plan
from bot.core.model.policy import Caps, ExternalLaunchPolicy, Policy
from bot.core.model.recipe import Task
from bot.core.rules.task_identity import secret_names, task_fingerprint
from tests.builders import NOON

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sky_here")]

POLICY = Policy(external_launches=ExternalLaunchPolicy(autostop_idle_minutes=20, caps=Caps(gpus=8)))


@pytest.fixture
def gate(store: RedisStore) -> Iterator[AdminPolicyServer]:
    found = AdminPolicyServer(
        AdminPolicy(store, lambda: POLICY, lambda: NOON, lambda _: 0.0, lambda: None, UTC), "127.0.0.1", 0
    )
    found.start()
    yield found
    found.stop()


def apply(address: str, task: dict[str, Any], name: str = "launch", at_client_side: bool = False) -> Any:
    """What becomes of a task in SkyPilot's hands."""
    import sky
    from sky import admin_policy, skypilot_config
    from sky.server.requests.request_names import AdminPolicyRequestName
    from sky.utils import admin_policy_utils, config_utils

    options = admin_policy.RequestOptions(
        cluster_name="dev-box", idle_minutes_to_autostop=None, down=False, dryrun=False
    )
    written = config_utils.Config({"admin_policy": address, "allowed_clouds": ["slurm"]})
    with skypilot_config.replace_skypilot_config(written):
        dag, config = admin_policy_utils.apply(
            sky.Task.from_yaml_config(task), AdminPolicyRequestName(name), options, at_client_side
        )
    assert config.get_nested(("allowed_clouds",), None) == ["slurm"]
    return dag.tasks[0]


def only(resources: Any) -> Any:
    (found,) = resources
    return found


@pytest.mark.parametrize("at_client_side", [False, True])
def test_a_task_without_autostop_comes_back_with_one_and_with_all_the_rest(
    gate: AdminPolicyServer, at_client_side: bool
) -> None:
    script = "#!/bin/bash\n\necho 'a: b'  # ünï\n"
    task = apply(
        gate.address,
        {"run": script, "envs": {"A": "1e3"}, "secrets": {"KEY": "on"}, "num_nodes": 2, "resources": {"cpus": "1+"}},
        at_client_side=at_client_side,
    )
    autostop = only(task.resources).autostop_config
    assert (autostop.enabled, autostop.idle_minutes, autostop.down) == (True, 20, True)
    assert task.run.endswith(script)
    assert "removes itself after 20 idle minutes" in task.run
    assert (task.envs, task.num_nodes, only(task.resources).cpus) == ({"A": "1e3"}, 2, "1+")
    assert task.envs_and_secrets["KEY"].get_secret_value() == "on"


def test_a_longer_one_is_cut_and_keeps_its_words(gate: AdminPolicyServer) -> None:
    asked = {"idle_minutes": 90, "down": False, "wait_for": "none"}
    autostop = only(apply(gate.address, {"run": "a", "resources": {"autostop": asked}}).resources).autostop_config
    assert (autostop.idle_minutes, autostop.down, autostop.wait_for.value) == (20, False, "none")


@pytest.mark.parametrize("name", ["validate", "launch", "jobs.launch", "serve.up"])
def test_a_refusal_is_raised_with_its_reason(gate: AdminPolicyServer, name: str) -> None:
    from sky import exceptions

    task = {"run": "a", "resources": {"accelerators": "H100:8"}, "num_nodes": 2}
    with pytest.raises(
        exceptions.UserRequestRejectedByPolicy, match="outside Slack is 8; with this one they would use 16"
    ):
        apply(gate.address, task, name)


def test_the_secret_may_be_kept_out_of_the_address_which_skypilot_prints(
    gate: AdminPolicyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sky import exceptions

    start, _, secret = gate.address.rpartition("/")
    with pytest.raises(exceptions.UserRequestRejectedByPolicy, match="403 Client Error"):
        apply(start, {"run": "a"})
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login verlbot password {secret}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert apply(start, {"run": "a"}).run.endswith("a")
    with pytest.raises(exceptions.UserRequestRejectedByPolicy) as refused:
        apply(start, {"run": "a", "resources": {"accelerators": "H100:8"}, "num_nodes": 2})
    assert start in str(refused.value), "to whoever is refused"
    assert secret not in str(refused.value)


@pytest.mark.parametrize("accelerators", ["H100:nan", "H100:1e308"])
def test_what_skypilot_itself_takes_for_a_number_of_gpus_is_refused(gate: AdminPolicyServer, accelerators: str) -> None:
    from sky import exceptions

    with pytest.raises(exceptions.UserRequestRejectedByPolicy, match="`accelerators` must be"):
        apply(gate.address, {"run": "a", "resources": {"accelerators": accelerators}})


def test_one_that_does_not_answer_lets_nothing_be_launched(gate: AdminPolicyServer) -> None:
    from sky import exceptions

    address = gate.address
    gate.stop()
    with pytest.raises(exceptions.UserRequestRejectedByPolicy, match="Failed to call admin policy URL"):
        apply(address, {"run": "a"})


RECIPES = RecipeFolder(default_recipes_dir())
TYPED = {
    "as it is": (),
    "another infra": (("infra", "aws/us-east-1"),),
    "a context": (("infra", "k8s/east"),),
    "more nodes and a budget": (("nodes", "4"), ("budget", "9")),
    "other accelerators": (("gpus", "a100:8"),),
    "another image": (("image", "docker:verlai/verl:other"),),
    "no image": (("image", "none"),),
    "a bucket": (("bucket", "s3://models/team-a"),),
    "a volume": (("volume", "models"), ("resume_from", "ppo-7f3a")),
    "a managed job on spot": (("managed", "true"), ("spot", "true")),
}


@pytest.mark.parametrize("typed", TYPED.values(), ids=TYPED)
@pytest.mark.parametrize("recipe", RECIPES.list_names())
@pytest.mark.long
def test_what_the_bot_launches_is_known_again_in_skypilots_writing(
    recipe: str, typed: tuple[tuple[str, str], ...]
) -> None:
    found = RECIPES.get(recipe)
    known = {parameter.name for parameter in found.parameters}
    made = build_launch_plan(found, tuple(one for one in typed if one[0] in known), (), f"{recipe}-7f3a")
    assert task_fingerprint(rewritten(made.task)) == task_fingerprint(made.task)
    assert secret_names(rewritten(made.task)) == secret_names(made.task)


def rewritten(task: Task) -> Task:
    """A task as the bot hands it to SkyPilot, and SkyPilot to its admin policy."""
    import sky
    from sky.utils import yaml_utils

    secrets = dict.fromkeys(task.get("secrets") or {}, "x")
    order = LaunchOrder(f"verl-{task['name']}", task, list(secrets), {"run": str(task["name"])}, deadline=NOON)
    written = sky.Task.from_yaml_config(dict(complete_task(order, secrets))).to_yaml_config()
    return load_mapping(yaml_utils.dump_yaml_str(written))


def on(**resources: Any) -> dict[str, Any]:
    return {"resources": {"infra": "k8s", "accelerators": "H100:8"} | resources}


WRITTEN_OTHERWISE = {
    "amounts": on(cpus=16, memory=64.5, disk_size="1TB", disk_tier="best", network_tier="best"),
    "amounts at the least": on(cpus="16+", memory="128+"),
    "an image for a region": on(infra="aws/us-east-1", image_id="ami-1"),
    "images by region": on(infra="aws", image_id={"us-east-1": "ami-1", "us-west-2": "ami-2"}),
    "one port": on(ports=8080),
    "ports": on(ports=["9000-9010", 8080, 8081]),
    "a cloud's region": {"resources": {"cloud": "aws", "region": "us-east-1", "zone": "us-east-1a"}},
    "any of several": {"resources": {"any_of": [{"accelerators": "H100:8"}, {"infra": "aws", "use_spot": True}]}},
    "one of several in order": {"resources": {"ordered": [{"accelerators": "H100:8"}, {"accelerators": "A100:8"}]}},
    "kinds by name": on(accelerators={"H100": 8, "A100": 8}),
    "kinds in order": on(accelerators=["H100:8", "A100:8"]),
    "half a GPU": on(accelerators="L4:0.5"),
    "a TPU": on(infra="gcp", accelerators="tpu-v5litepod-8", accelerator_args={"runtime_version": "x"}),
    "an autostop": on(autostop="2h", labels={"team": "a"}, use_spot=False, job_recovery="FAILOVER"),
    "a disk and a price": on(local_disk="nvme:1000+", max_hourly_cost=3, priority=3),
    "nothing": {"resources": {"accelerators": None, "cpus": None}},
    "buckets": {"file_mounts": {"/a": "s3://models/x", "/b": {"name": "box", "store": "s3", "persistent": False}}},
    "a bucket by a variable": {"envs": {"SIZE": 7}, "file_mounts": {"/m/${SIZE}b": "s3://models/$SIZE"}},
    "files": {"file_mounts": {"/tools": "/tmp"}, "workdir": "/tmp"},
    "a repository": {"workdir": {"url": "https://git.example.org/a", "ref": "main"}},
    "volumes": {"volumes": {"/a": "models", "/b": {"name": "data", "size": "10Gi"}, "/c": {"size": "5Gi"}}},
    "configuration": {"config": {"kubernetes": {"pod_config": {"spec": {"runtimeClassName": "x"}}}}},
    "a hook": {"config": {"hooks": [{"run": "echo bye"}]}},
    "variables": {"envs": {"A": 1, "B": True, "C": 1.5, "D": "1e3", "E": ""}},
    "what is read and written": {"inputs": {"s3://a": 1}, "outputs": {"s3://b": 2}},
    "a script for events": {"event_callback": "echo"},
    "no way to the server": {"api_server_access": False},
}


@pytest.mark.parametrize("task", WRITTEN_OTHERWISE.values(), ids=WRITTEN_OTHERWISE)
def test_a_task_of_the_teams_own_is_known_again_too(task: dict[str, Any]) -> None:
    own = {"name": "ppo-7f3a", "run": "train", **task}
    assert task_fingerprint(rewritten(own)) == task_fingerprint(own)
