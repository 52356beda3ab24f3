"""Costs and ends of clusters that are gone. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from bot.adapters.sky.client import fetch_server_identity, is_no_answer, sdk_without_retries, translate_errors
from bot.adapters.sky.records import ClusterCostHistory, ClusterCosts

EVENT_LIMIT = 12
"""Number of a cluster's last events that are read."""


ALL_DAYS = 36_500
"""Days for a query about single clusters, however long ago they ended."""


def fetch_cost_history(clusters: Collection[str], days: int) -> ClusterCostHistory:
    """Return what the cost report says about these clusters; those that it does not know are left out."""
    with translate_errors():
        sdk = sdk_without_retries()
        rows = sorted(sdk.get(sdk.cost_report(days=days)), key=lambda row: row["launched_at"] or 0)
        costs = {row["name"]: read_cluster_costs(row) for row in rows if row["name"] in clusters}
        return ClusterCostHistory(costs, fetch_server_identity())


def find_gone_clusters(hashes: Collection[str]) -> set[str]:
    """Return which of these clusters, by SkyPilot's own ids, SkyPilot's history shows as gone.

    The SDK's call takes no ids; the server does (0.14.1, POST /cost_report). An older server returns all clusters.
    """
    from sky.server import common  # noqa: PLC0415
    from sky.server.requests.payloads import CostReportBody  # noqa: PLC0415

    body = CostReportBody(days=ALL_DAYS, cluster_hashes=list(hashes))
    with translate_errors():
        sdk = sdk_without_retries()
        response = common.make_authenticated_request("POST", "/cost_report", json=json.loads(body.model_dump_json()))
        rows = sdk.get(common.get_request_id(response))
        return {row["cluster_hash"] for row in rows if row["cluster_hash"] in hashes and row["status"] is None}


def read_cluster_costs(row: Mapping[str, Any]) -> ClusterCosts:
    """Return the costs of one row of the cost report, with the events of a cluster that is gone."""
    exists = row["status"] is not None
    events = () if exists else fetch_events(row["cluster_hash"])
    dollars, seconds = float(row["total_cost"] or 0.0), float(row["duration"] or 0.0)
    return ClusterCosts(exists, dollars, seconds, events, str(row["cluster_hash"]))


def fetch_events(cluster_hash: str) -> tuple[str, ...]:
    """Return the events of a cluster, oldest first. The SDK has no call for them; the server has. Not public.

    Returns nothing where the server does not list them: the cost report already says that the cluster is gone.
    """
    from sky.server import common  # noqa: PLC0415
    from sky.server.requests.payloads import ClusterEventsBody  # noqa: PLC0415

    kinds = "STATUS_CHANGE,TERMINAL"
    body = ClusterEventsBody(cluster_hash=cluster_hash, event_type=kinds, include_timestamps=True, limit=EVENT_LIMIT)
    response = common.make_authenticated_request("POST", "/cluster_events", json=json.loads(body.model_dump_json()))
    try:
        return tuple(event["reason"] for event in sdk_without_retries().get(common.get_request_id(response)))
    except Exception as error:
        # Without an answer nothing is known; a refusal only means that this server lists no events.
        if is_no_answer(error):
            raise
        return ()
