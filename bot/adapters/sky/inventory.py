"""Whatever stands in SkyPilot, whoever launched it. A call, as those of `calls`."""

import re
from collections.abc import Mapping
from typing import Any

from bot.adapters.sky.calls import REMEMBERED_DAYS, SUMMARY, cluster_record
from bot.adapters.sky.client import answered, impatient
from bot.adapters.sky.records import OwnedRecord
from bot.errors import Unavailable

CONTROLLERS = ("sky-jobs-controller-", "sky-serve-controller-")
"""Beginnings of the names of SkyPilot's own clusters (sky/utils/common.py)."""


def everything() -> list[OwnedRecord]:
    """Every cluster of the workspaces that the bot may see, whoever launched it, but for SkyPilot's own controllers.

    Those of managed jobs are their controller's too. By itself SkyPilot leaves them out, unless its server runs with
    SKYPILOT_DEBUG.

    Without prices where the cost report does not answer.
    """
    with answered():
        sdk = impatient()
        records = sdk.get(sdk.status(None, all_users=True, **SUMMARY))
    found = [one for one in records if not one["name"].startswith(CONTROLLERS) and not one["is_managed"]]
    rates = hourly_rates() if found else {}
    return [owned_record(one, rates.get(one["cluster_hash"])) for one in found]


def hourly_rates() -> dict[str, float]:
    """Dollars an hour of each cluster that has a price, by its hash."""
    try:
        with answered():
            sdk = impatient()
            rows = sdk.get(sdk.cost_report(days=REMEMBERED_DAYS))
    except Unavailable:
        return {}
    priced = [row for row in rows if row["total_cost"] and row["duration"]]
    return {row["cluster_hash"]: 3600 * row["total_cost"] / row["duration"] for row in priced}


def owned_record(one: Mapping[str, Any], rate: float | None) -> OwnedRecord:
    return OwnedRecord(
        record=cluster_record(one),
        name=one["name"],
        hash=str(one["cluster_hash"]),
        user=str(one["user_name"] or ""),
        nodes=int(one["nodes"] or 1),
        launched_at=one["launched_at"],
        labels=dict(one["labels"] or {}),
        dollars_per_hour=rate,
        gpus=gpus(one.get("accelerators")),
    )


def gpus(written: str | None) -> float:
    """Accelerators of a node, of which SkyPilot's summary has the mapping as text.

    >>> gpus("{'H100': 8}"), gpus("{'L4': 0.5}"), gpus(None)
    (8.0, 0.5, 0)
    """
    return sum(float(count) for count in re.findall(r": *(\d{1,6}(?:\.\d{1,6})?)", written or ""))
