"""The resources of a task: of several choices the largest; the team's prices: of the nearest infra, else unknown."""

import pytest

from bot.core.model.recipe import Accelerators
from bot.core.model.resources import PRICE_SOURCE, look_up_rate, with_most_accelerators

TABLE = {"k8s": {"H100": 2.5, "node": 0.4}, "k8s/east": {"h100": 3.0}, "*": {"L4": 0.7, "A100": 0.0}}


def test_of_several_machines_the_most_counts() -> None:
    task = {"resources": {"ordered": [{"accelerators": {"L4": 1}}, {"accelerators": {"H100": 8}}]}}
    assert with_most_accelerators(task)["resources"] == {"accelerators": "H100:8"}


@pytest.mark.parametrize(
    ("infra", "accelerators", "nodes", "dollars"),
    [
        pytest.param("k8s", Accelerators("H100", 8), 2, 40.0, id="every accelerator of every node"),
        pytest.param("k8s", Accelerators("h100", 8), 1, 20.0, id="in lower case"),
        pytest.param("k8s/east", Accelerators("H100", 1), 1, 3.0, id="the place itself"),
        pytest.param("k8s/west", Accelerators("H100", 1), 1, 2.5, id="the infra of the place"),
        pytest.param("k8s", None, 3, 1.2, id="nodes without accelerators"),
        pytest.param("slurm", Accelerators("L4", 2), 1, 1.4, id="any infra"),
        pytest.param("slurm", Accelerators("H100", 1), 1, None, id="no price there"),
        pytest.param("slurm", None, 1, None, id="no price of a node there"),
        pytest.param("slurm", Accelerators("A100", 1), 1, None, id="a price of zero is none"),
    ],
)
def test_the_price_of_the_nearest_place_counts(
    infra: str, accelerators: Accelerators | None, nodes: int, dollars: float | None
) -> None:
    rate = look_up_rate(TABLE, infra, accelerators, nodes)
    if dollars is None:
        assert rate is None
    else:
        assert rate is not None
        assert rate.dollars_per_hour == pytest.approx(dollars)
        assert rate.source == PRICE_SOURCE
