"""All clusters in SkyPilot, of all users. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

import re
from collections.abc import Mapping
from typing import Any

from bot.adapters.sky.calls import COST_REPORT_DAYS, SUMMARY_OPTIONS, cluster_record
from bot.adapters.sky.client import sdk_without_retries, translate_errors
from bot.adapters.sky.records import InventoryRecord
from bot.errors import Unavailable

CONTROLLER_PREFIXES = ("sky-jobs-controller-", "sky-serve-controller-")
"""Beginnings of the names of SkyPilot's own clusters (sky/utils/common.py)."""


def list_clusters() -> list[InventoryRecord]:
    """Return every cluster of the workspaces that the bot may see, of all users, except SkyPilot's own controllers.

    The clusters of managed jobs are left out too, since they belong to their controller. SkyPilot leaves them out by
    itself, unless its server runs with SKYPILOT_DEBUG.

    The clusters have no prices where the cost report does not answer.
    """
    with translate_errors():
        sdk = sdk_without_retries()
        records = sdk.get(sdk.status(None, all_users=True, **SUMMARY_OPTIONS))
    cluster_rows = [row for row in records if not row["name"].startswith(CONTROLLER_PREFIXES) and not row["is_managed"]]
    rates = fetch_hourly_rates() if cluster_rows else {}
    return [inventory_record(row, rates.get(row["cluster_hash"])) for row in cluster_rows]


def fetch_hourly_rates() -> dict[str, float]:
    """Return the dollars per hour of each cluster that has a price, by the cluster's hash."""
    try:
        with translate_errors():
            sdk = sdk_without_retries()
            rows = sdk.get(sdk.cost_report(days=COST_REPORT_DAYS))
    except Unavailable:
        # The clusters are listed all the same, without prices.
        return {}
    priced = [row for row in rows if row["total_cost"] and row["duration"]]
    return {row["cluster_hash"]: 3600 * row["total_cost"] / row["duration"] for row in priced}


def inventory_record(row: Mapping[str, Any], rate: float | None) -> InventoryRecord:
    """Return the record of one row of SkyPilot's table, with its price."""
    return InventoryRecord(
        cluster=cluster_record(row),
        name=row["name"],
        hash=str(row["cluster_hash"]),
        user=str(row["user_name"] or ""),
        nodes=int(row["nodes"] or 1),
        launched_at=row["launched_at"],
        labels=dict(row["labels"] or {}),
        dollars_per_hour=rate,
        gpus=count_gpus(row.get("accelerators")),
    )


def count_gpus(text: str | None) -> float:
    """Return the number of accelerators of a node; SkyPilot's summary has their mapping as text.

    >>> count_gpus("{'H100': 8}"), count_gpus("{'L4': 0.5}"), count_gpus(None)
    (8.0, 0.5, 0)
    """
    return sum(float(count) for count in re.findall(r": *(\d{1,6}(?:\.\d{1,6})?)", text or ""))
