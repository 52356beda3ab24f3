"""The chart in `deploy/helm`, rendered by Helm's own engine: `make helm` brings it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config.settings import Settings

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "helm" / "verlbot"
HELM = ROOT / ".helm-venv" / "bin" / "python"

pytestmark = pytest.mark.skipif(not HELM.exists(), reason="Helm's engine is not installed: `make helm`")

RENDER = """
import json, sys, helm_python
with helm_python.Chart.load(sys.argv[1]) as chart:
    print(json.dumps(dict(chart.render(json.loads(sys.argv[2]), name="verlbot", namespace="ml"))))
"""

TWO: dict[str, Any] = {
    "replicas": 2,
    "persistence": {"enabled": False},
    "policy": "roles: {}\n",
    "metrics": {"enabled": True},
}
OWN_REDIS: dict[str, Any] = {"redis": {"enabled": False}}


def helm(values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    words = [str(HELM), "-c", RENDER, str(CHART), json.dumps(values)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def rendered(values: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return every object by its kind and name."""
    ran = helm(values)
    assert ran.returncode == 0, ran.stderr
    files = {name: text for name, text in json.loads(ran.stdout).items() if name.endswith(".yaml")}
    objects = [one for text in files.values() for one in yaml.safe_load_all(text) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


@pytest.mark.parametrize("values", [{}, TWO, OWN_REDIS], ids=["as it is", "two bots", "a Redis elsewhere"])
def test_every_object_is_valid_by_kubernetes_own_schema(values: dict[str, Any]) -> None:
    import kubernetes_validate  # 2 s, of all tests' start

    objects = rendered(values)
    assert ("Deployment", "verlbot") in objects
    for one in objects.values():
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        assert one["metadata"]["namespace"] == "ml"


def test_the_pods_are_those_of_the_manifests() -> None:
    """But for the names that a release gives, the chart and `deploy/kubernetes` say the same of each pod."""
    objects = rendered({})
    for kind, name, file in (("Deployment", "verlbot", "bot"), ("StatefulSet", "verlbot-redis", "redis")):
        documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / f"{file}.yaml").read_text())
        manifest = next(one for one in documents if one["kind"] == kind)["spec"]["template"]["spec"]
        pod = objects[kind, name]["spec"]["template"]["spec"]
        (container,), (expected,) = pod["containers"], manifest["containers"]
        assert pod["securityContext"] == manifest["securityContext"]
        assert pod["automountServiceAccountToken"] is False
        for part in ("securityContext", "livenessProbe", "resources", "volumeMounts"):
            assert container[part] == expected[part], part
        assert container.get("command") == expected.get("command")


def test_two_bots_have_folders_of_their_own_and_one_stays_when_a_node_is_drained() -> None:
    objects = rendered(TWO)
    deployment = objects["Deployment", "verlbot"]["spec"]
    variables = {one["name"]: one.get("value") for one in deployment["template"]["spec"]["containers"][0]["env"]}
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (2, "RollingUpdate")
    assert variables["VERLBOT_DATA_DIR"] == "/data/$(POD_NAME)"
    assert objects["PodDisruptionBudget", "verlbot"]["spec"]["minAvailable"] == 1
    assert rendered({})["Deployment", "verlbot"]["spec"]["strategy"] == {"type": "Recreate"}
    known = {one.metadata["variable"] for one in Settings.__dataclass_fields__.values() if one.metadata}
    assert set(variables) - {"POD_NAME", "REDIS_PASSWORD"} <= known


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"replicas": 2}, "ReadWriteMany", id="two bots on a volume for one"),
        pytest.param(TWO | {"settings": {"VERLBOT_COMPUTE": "local"}}, "skypilot", id="two bots with local runs"),
        pytest.param({"settings": {"SLACK_BOT_TOKEN": "xoxb-1"}}, "SLACK_BOT_TOKEN", id="a secret among the settings"),
        pytest.param({"replica": 2}, "replica", id="a value that there is not"),
    ],
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], said: str) -> None:
    ran = helm(values)
    assert ran.returncode != 0
    assert said in ran.stderr
