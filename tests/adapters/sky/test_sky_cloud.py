"""What SkyPilot's machines cost by its catalogue, where a task leaves the choice of them open."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from bot.adapters.sky.sdk_worker import SdkExecutor
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.core.model.money import Rate

PRICES = {"H100": 2.5, "A100-80GB": 1.5}


class PriceCatalogue:
    """Answers for SkyPilot's catalogue, the only one that is asked here."""

    def call(self, _: Callable[..., Any], *words: Any, **named: Any) -> Any:
        infra, name, count, spot = words
        assert (infra, spot, named) == ("k8s", False, {})
        return PRICES[name] * count if name in PRICES else None

    def stop(self) -> None:
        pass


@pytest.fixture
def cloud() -> SkyCloud:
    table = {"k8s": {"node": 0.5, "H200": 4.0}}
    return SkyCloud(cast(SdkExecutor, PriceCatalogue()), lambda: datetime.now(UTC), secrets={}, price_table=table)


@pytest.mark.parametrize(
    ("accelerators", "dollars"),
    [
        pytest.param("H100:2", 10.0, id="one kind, on two nodes"),
        pytest.param(["A100-80GB:1", "H100:1"], 5.0, id="the dearer of two"),
        pytest.param("A100-80GB:1, H200:1", 8.0, id="one of the catalogue, one of the team's table"),
        pytest.param({"A100-80GB": 4, "H100": 1}, 12.0, id="the more of them"),
        pytest.param(["H100:1", "B300:1"], None, id="one without a price"),
        pytest.param(None, 1.0, id="none"),
    ],
)
def test_a_choice_costs_what_its_dearest_machines_do(
    cloud: SkyCloud, accelerators: object, dollars: float | None
) -> None:
    rate = cloud.estimate_rate({"num_nodes": 2, "resources": {"infra": "k8s", "accelerators": accelerators}})
    assert (rate and rate.dollars_per_hour) == dollars


def test_a_choice_says_where_its_price_comes_from(cloud: SkyCloud) -> None:
    rate = cloud.estimate_rate({"resources": {"infra": "k8s", "accelerators": ["A100-80GB:1", "H200:1"]}})
    assert rate == Rate(4.0, "the price table")
