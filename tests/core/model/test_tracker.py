"""Which addresses count as a page of an experiment tracker."""

import pytest

from bot.config.settings import Settings
from bot.core.model.metrics import TotalSteps, TrackerLinked
from bot.core.model.tracker import TrackerHosts

DEFAULT_HOSTS = Settings().tracker_hosts


@pytest.mark.parametrize(
    ("hosts", "address", "is_accepted"),
    [
        pytest.param(DEFAULT_HOSTS, "https://wandb.ai/t/p/runs/1", True, id="W&B"),
        pytest.param(DEFAULT_HOSTS, "https://acme.wandb.io/t/p/runs/1", True, id="a team's W&B"),
        pytest.param(DEFAULT_HOSTS, "https://swanlab.cn/@t/p/runs/1", True, id="SwanLab"),
        pytest.param(DEFAULT_HOSTS, "http://wandb.ai/t/p/runs/1", False, id="not encrypted"),
        pytest.param(DEFAULT_HOSTS, "https://wandb.ai.example.org/t/p/runs/1", False, id="a host that begins like it"),
        pytest.param(DEFAULT_HOSTS, "https://a.b.wandb.io/t/p/runs/1", False, id="two labels for a star"),
        pytest.param(DEFAULT_HOSTS, "https://.wandb.io/t/p/runs/1", False, id="no label for a star"),
        pytest.param(DEFAULT_HOSTS, "https://wandb.io/t/p/runs/1", False, id="the host without its label"),
        pytest.param(DEFAULT_HOSTS, "https://wandb.ai:8443/t/p/runs/1", False, id="another port"),
        pytest.param(DEFAULT_HOSTS, "https://wandb.ai@example.org/runs/1", False, id="a user"),
        pytest.param(DEFAULT_HOSTS, "https://wandb.ai/a|b", False, id="what Slack would read"),
        pytest.param(("wandb.example.org",), "https://WandB.example.org:443/t/p/runs/1", True, id="the usual port"),
        pytest.param(("wandb.example.org",), "https://wandb.ai/t/p/runs/1", False, id="a host that is not set"),
        pytest.param(
            ("http://mlflow.internal:5000",), "http://mlflow.internal:5000/#/experiments/1/runs/2", True, id="MLflow"
        ),
        pytest.param(("http://10.0.0.7:6006",), "http://10.0.0.7:6006/", True, id="TensorBoard"),
        pytest.param((), "https://wandb.ai/t/p/runs/1", False, id="no host"),
    ],
)
def test_a_page_counts_if_its_host_is_set(hosts: tuple[str, ...], address: str, is_accepted: bool) -> None:
    assert TrackerHosts(hosts).accepts(address) is is_accepted
    kept = TrackerHosts(hosts).drop_unknown_pages([TotalSteps(60), TrackerLinked(address)])
    assert kept == [TotalSteps(60), *([TrackerLinked(address)] if is_accepted else [])]
