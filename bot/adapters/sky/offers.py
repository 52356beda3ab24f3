"""Prices of machines, from SkyPilot's configuration and catalogue. A call of SkyPilot's SDK, as in `sdk_clusters`."""

from math import isnan
from typing import Any

from bot.adapters.sky.client import sdk_without_retries, translate_errors


def find_price(infra: str, accelerator: str, count: int, spot: bool) -> float | None:
    """Return the dollars per hour of one node with these accelerators by the cheapest offer; None without a price."""
    from sky.utils.infra_utils import InfraInfo  # noqa: PLC0415

    with translate_errors():
        sdk = sdk_without_retries()
        infra_info = InfraInfo.from_str(infra or None)
        clouds = [infra_info.cloud] if infra_info.cloud else [cloud.lower() for cloud in sdk.get(sdk.enabled_clouds())]
        offers = sdk.get(
            sdk.list_accelerators(
                name_filter=f"^{accelerator}$",
                clouds=clouds,
                region_filter=find_region(infra_info),
                case_sensitive=False,
            )
        )
    all_offers = [offer for name in offers for offer in offers[name]]
    exact = [offer for offer in all_offers if offer.accelerator_count == count]
    prices = [compute_price(offer, count, spot) for offer in exact or all_offers]
    return min((value for value in prices if value), default=None)


def find_region(infra_info: Any) -> str | None:
    """Return the region to filter by; None for all.

    On Slurm and Kubernetes the part after the slash is a cluster, and the catalogue lists the cluster's partitions
    instead.
    """
    return None if infra_info.cloud in ("slurm", "kubernetes", "ssh") else infra_info.region


def compute_price(offer: Any, count: int, spot: bool) -> float | None:
    """Return the dollars per hour of so many accelerators of an offer; None where its price is 0 or not a number."""
    value = float((offer.spot_price if spot else offer.price) or 0.0)
    if value <= 0 or isnan(value) or not offer.accelerator_count:
        return None
    return value * count / int(offer.accelerator_count)
