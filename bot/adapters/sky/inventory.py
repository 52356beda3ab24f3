"""All clusters in SkyPilot, of all users. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

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
    """Return every cluster of the workspaces that the bot may see, of all users, except SkyPilot's own controllers.

    The clusters of managed jobs are left out too, since they belong to their controller. SkyPilot leaves them out by
    itself, unless its server runs with SKYPILOT_DEBUG.

    The clusters have no prices where the cost report does not answer.
    """
    with answered():
        sdk = impatient()
        records = sdk.get(sdk.status(None, all_users=True, **SUMMARY))
    found = [one for one in records if not one["name"].startswith(CONTROLLERS) and not one["is_managed"]]
    rates = hourly_rates() if found else {}
    return [owned_record(one, rates.get(one["cluster_hash"])) for one in found]


def hourly_rates() -> dict[str, float]:
    """Return the dollars per hour of each cluster that has a price, by the cluster's hash."""
    try:
        with answered():
            sdk = impatient()
            rows = sdk.get(sdk.cost_report(days=REMEMBERED_DAYS))
    except Unavailable:
        # The clusters are listed all the same, without prices.
        return {}
    priced = [row for row in rows if row["total_cost"] and row["duration"]]
    return {row["cluster_hash"]: 3600 * row["total_cost"] / row["duration"] for row in priced}


def owned_record(one: Mapping[str, Any], rate: float | None) -> OwnedRecord:
    """Return the record of one row of SkyPilot's table, with its price."""
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
    """Return the number of accelerators of a node; SkyPilot's summary has their mapping as text.

    >>> gpus("{'H100': 8}"), gpus("{'L4': 0.5}"), gpus(None)
    (8.0, 0.5, 0)
    """
    return sum(float(count) for count in re.findall(r": *(\d{1,6}(?:\.\d{1,6})?)", written or ""))
