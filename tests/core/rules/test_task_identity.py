"""Two tasks are the same if they do the same on the same machines, however they are written. Real SkyPilot's way of
writing is tried in tests/app/test_admin_policy_server.py; here is what must never be the same.
"""

from typing import Any

import pytest

from bot.core.model.launch_plan import DEADLINE_VARIABLE
from bot.core.rules.task_identity import (
    fill_in_variables,
    normalise_amount,
    normalise_infra,
    normalise_mount,
    normalise_ports,
    secret_names,
    task_fingerprint,
)

TASK: dict[str, Any] = {
    "name": "ppo",
    "num_nodes": 2,
    "envs": {"EPOCHS": "2"},
    "resources": {"infra": "k8s/east", "accelerators": "H100:8", "labels": {"team": "rl"}},
    "setup": "pip install verl",
    "run": "python3 train.py",
    "file_mounts": {"/data": "s3://models/x", "/code": "~/code"},
}


def changed(**changes: Any) -> dict[str, Any]:
    return TASK | changes


def on(**resources: Any) -> dict[str, Any]:
    return changed(resources=TASK["resources"] | resources)


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(changed(name=None, num_nodes=2.0), id="a null is no key, and two is 2.0"),
        pytest.param(changed(envs={"EPOCHS": 2}), id="a variable as a number"),
        pytest.param(changed(envs={"EPOCHS": "2", DEADLINE_VARIABLE: "1767355200"}), id="the deadline"),
        pytest.param(on(infra="kubernetes/east", accelerators={"h100": 8}), id="another spelling of machines"),
        pytest.param(on(labels={"team": "rl", "verlbot-run": "ppo-7f3a"}), id="the bot's own labels"),
        pytest.param(on(autostop={"idle_minutes": 10}, use_spot=False), id="an autostop, and no spot machines"),
        pytest.param(changed(file_mounts={"/data": "s3://models/x", "/code": "/tmp/up/1"}), id="another local folder"),
        pytest.param(changed(_metadata={"verlbot": {"title": "PPO"}}), id="a description"),
        pytest.param(dict(reversed(TASK.items())), id="keys in another order"),
    ],
)
def test_a_task_is_the_same_however_it_is_written(task: dict[str, Any]) -> None:
    named = {key: value for key, value in TASK.items() if key != "name" or task.get("name")}
    assert task_fingerprint(task) == task_fingerprint(named)


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(changed(run="python3 train.py; curl evil"), id="another command"),
        pytest.param(changed(setup="pip install verI"), id="another setup"),
        pytest.param(changed(num_nodes=3), id="another node"),
        pytest.param(changed(envs={"EPOCHS": "3"}), id="another value"),
        pytest.param(changed(envs={}), id="a variable less"),
        pytest.param(on(accelerators="H100:16"), id="more GPUs"),
        pytest.param(on(infra="k8s/west"), id="another place"),
        pytest.param(on(use_spot=True), id="spot machines"),
        pytest.param(on(image_id="docker:other"), id="an image"),
        pytest.param(on(ports=22), id="an open port"),
        pytest.param(on(labels={"team": "other"}), id="a label of the team's"),
        pytest.param(on(disk_size=512), id="a disk"),
        pytest.param(changed(file_mounts={"/data": "s3://models/y", "/code": "~/code"}), id="another bucket"),
        pytest.param(changed(file_mounts={"/data": "s3://models/x"}), id="a mount less"),
        pytest.param(changed(workdir="."), id="a folder that is uploaded"),
        pytest.param(changed(config={"docker": {"run_options": ["--privileged"]}}), id="SkyPilot's configuration"),
        pytest.param(changed(config={"hooks": [{"run": "curl evil"}]}), id="a hook"),
        pytest.param(changed(a_key_of_tomorrow=1), id="a key that is not known"),
    ],
)
def test_what_differs_in_effect_is_another_task(task: dict[str, Any]) -> None:
    assert task_fingerprint(task) != task_fingerprint(TASK)


def test_variables_are_filled_in_where_skypilot_fills_them_in_and_nowhere_else() -> None:
    mounted = changed(envs={"SIZE": "7"}, file_mounts={"/data": "s3://models/${SIZE}b"})
    assert task_fingerprint(mounted) == task_fingerprint(
        changed(envs={"SIZE": "7"}, file_mounts={"/data": "s3://models/7b"})
    )
    assert task_fingerprint(changed(envs={"SIZE": "7"}, run="echo $SIZE")) != task_fingerprint(
        changed(envs={"SIZE": "7"}, run="echo 7")
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [("$A-${B}", "1-2"), ("${C}", "${C}"), ("$$A", "$1"), ("A", "A"), ("$AB", "$AB"), ("", "")],
)
def test_only_a_variable_of_the_task_is_filled_in(text: str, filled: str) -> None:
    assert fill_in_variables(text, {"A": "1", "B": "2"}) == filled


def test_a_value_that_is_filled_in_is_not_filled_in_again() -> None:
    assert fill_in_variables("$A", {"A": "$B", "B": "2"}) == "$B"


@pytest.mark.parametrize(
    ("secrets", "names"), [(None, set()), ({"HF_TOKEN": None}, {"HF_TOKEN"}), (["a", "b"], {"a", "b"})]
)
def test_secrets_are_known_by_name_alone(secrets: object, names: set[str]) -> None:
    assert secret_names({"secrets": secrets}) == names
    assert task_fingerprint(changed(secrets=secrets)) == task_fingerprint(TASK)


@pytest.mark.parametrize(
    ("value", "written"),
    [(16, "16"), ("16", "16"), (" 16+ ", "16+"), ("0.5 GB", "0.5"), ("2Ti", "2048"), ("16x", "16x"), ("1e9", "1e9")],
)
def test_an_amount_has_one_spelling_and_what_is_none_stays(value: object, written: str) -> None:
    assert normalise_amount(value) == written


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        (None, []),
        ([], []),
        ("80", [(80, 80)]),
        ([81, 80, "82-90", "85-86"], [(80, 90)]),
        (["99999999"], ["99999999"]),
        ([{"a": 1}], ["{'a': 1}"]),
    ],
)
def test_ports_are_ranges_and_what_is_none_stays(value: object, ranges: list[object]) -> None:
    assert normalise_ports(value) == ranges


@pytest.mark.parametrize(
    ("choice", "infra"),
    [
        ({}, ""),
        ({"infra": None, "cloud": None}, ""),
        ({"infra": "AWS/us-east-1/*"}, "aws/us-east-1"),
        ({"infra": "*/us-east-1"}, "*/us-east-1"),
        ({"cloud": "gcp", "zone": "a"}, "gcp/*/a"),
    ],
)
def test_an_infra_has_one_spelling(choice: dict[str, Any], infra: str) -> None:
    assert normalise_infra(choice) == infra


def test_a_storage_has_skypilots_defaults() -> None:
    plain = {"name": "models", "store": "s3"}
    assert normalise_mount(plain) == normalise_mount(plain | {"mode": "mount", "persistent": True, "store": "S3"})
    assert normalise_mount(plain) != normalise_mount(plain | {"mode": "COPY"})
    assert normalise_mount("~/a") == normalise_mount("/b") != normalise_mount("s3://a")
