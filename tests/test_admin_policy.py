"""SkyPilot's own code of its admin policy, as client and server run it, against the gate."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest

from bot.adapters.recipes import FolderOfRecipes
from bot.adapters.sky.orders import completed
from bot.adapters.store import RedisStore
from bot.core.order import Order
from bot.core.outside import gist
from bot.core.plan import plan
from bot.core.policy import Caps, Outside, Policy
from bot.gate import Gate
from bot.gate_server import GateServer
from bot.settings import default_recipes_dir
from tests.builders import NOON

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sky_here")]

POLICY = Policy(outside=Outside(autostop_idle_minutes=20, caps=Caps(gpus=8)))


@pytest.fixture
def gate(store: RedisStore) -> Iterator[GateServer]:
    found = GateServer(Gate(store, lambda: POLICY, lambda: NOON, lambda _: 0.0, lambda: None, UTC), "127.0.0.1", 0)
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
    gate: GateServer, at_client_side: bool
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


def test_a_longer_one_is_cut_and_keeps_its_words(gate: GateServer) -> None:
    asked = {"idle_minutes": 90, "down": False, "wait_for": "none"}
    autostop = only(apply(gate.address, {"run": "a", "resources": {"autostop": asked}}).resources).autostop_config
    assert (autostop.idle_minutes, autostop.down, autostop.wait_for.value) == (20, False, "none")


@pytest.mark.parametrize("name", ["validate", "launch", "jobs.launch", "serve.up"])
def test_a_refusal_is_raised_with_its_reason(gate: GateServer, name: str) -> None:
    from sky import exceptions

    task = {"run": "a", "resources": {"accelerators": "H100:8"}, "num_nodes": 2}
    with pytest.raises(exceptions.UserRequestRejectedByPolicy, match="16 GPUs launched outside Slack at once; 8 are"):
        apply(gate.address, task, name)


def test_one_that_does_not_answer_lets_nothing_be_launched(gate: GateServer) -> None:
    from sky import exceptions

    address = gate.address
    gate.stop()
    with pytest.raises(exceptions.UserRequestRejectedByPolicy, match="Failed to call admin policy URL"):
        apply(address, {"run": "a"})


@pytest.mark.parametrize("recipe", FolderOfRecipes(default_recipes_dir()).names())
def test_what_the_bot_launches_is_known_again_in_skypilots_writing(recipe: str) -> None:
    import sky
    from sky.utils import yaml_utils

    from bot.adapters.admin_wire import mapping

    made = plan(FolderOfRecipes(default_recipes_dir()).get(recipe), (), (), f"{recipe}-7f3a")
    secrets = dict.fromkeys(made.task.get("secrets") or {}, "x")
    order = Order(f"verl-{recipe}-7f3a", made.task, list(secrets), {"run": f"{recipe}-7f3a"}, deadline=NOON)
    written = sky.Task.from_yaml_config(dict(completed(order, secrets))).to_yaml_config()
    assert gist(mapping(yaml_utils.dump_yaml_str(written))) == gist(made.task)
