"""What no engine here can run is at least what its schema says, and what the README promises of it."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.settings import Settings
from bot.slack.manifest import SCOPES, manifest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def test_the_compose_file_is_valid_by_the_compose_schema(compose: dict[str, Any]) -> None:
    """check-jsonschema carries the schema; its own program needs a newer click than SkyPilot allows."""
    found = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    schema = json.loads(Path(str(found)).read_text())
    jsonschema.validate(compose, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**compose, "services": {"bot": {"imagee": "x"}}}, schema)


def test_every_service_says_whether_it_is_well_and_comes_back(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"bot", "redis", "skypilot"}
    for service in compose["services"].values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_redis_writes_to_a_volume_before_it_answers(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    assert redis["command"][1:5] == ["--appendonly", "yes", "--appendfsync", "always"]
    assert redis["volumes"] == ["redis:/data"]


def test_nothing_listens_on_all_interfaces(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_example_of_an_environment_names_settings_that_there_are() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    known = {one.metadata["variable"] for one in Settings.__dataclass_fields__.values() if one.metadata}
    assert set(names) <= known


@pytest.mark.parametrize("mode", ["socket", "http"])
def test_the_manifest_asks_for_what_the_bot_uses(mode: str) -> None:
    found = manifest(mode, "https://verlbot.example.org/")
    (command,) = found["features"]["slash_commands"]
    assert (command["command"], command["should_escape"]) == ("/verl", True)
    assert found["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert found["settings"]["event_subscriptions"]["bot_events"] == ["app_home_opened", "app_mention"]
    assert found["settings"]["socket_mode_enabled"] is (mode == "socket")
    url = "https://verlbot.example.org/slack/events" if mode == "http" else None
    assert command.get("url") == found["settings"]["interactivity"].get("request_url") == url
    assert len(command["usage_hint"]) <= 1000
    assert len(command["description"]) <= 2000


@pytest.mark.slow
def test_the_package_carries_its_recipes(tmp_path: Path) -> None:
    """Whoever installs the wheel has them, and nothing of the tests."""
    program = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(program, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"bot/recipes/{name}.yaml" for name in ("ppo", "grpo", "multiturn-tools", "smoke")} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
