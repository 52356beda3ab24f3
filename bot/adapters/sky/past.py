"""Costs and ends of clusters that are gone. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from bot.adapters.sky.client import answered, impatient, is_silence, server_identity
from bot.adapters.sky.records import History, Past

EVENTS = 12
"""Number of a cluster's last events that are read."""


ALL_DAYS = 36_500
"""Days for a query about single clusters, however long ago they ended."""


def history(clusters: Collection[str], days: int) -> Past:
    """Return what the cost report says about these clusters; those that it does not know are left out."""
    with answered():
        sdk = impatient()
        rows = sorted(sdk.get(sdk.cost_report(days=days)), key=lambda row: row["launched_at"] or 0)
        found = {row["name"]: history_of(row) for row in rows if row["name"] in clusters}
        return Past(found, server_identity())


def gone(hashes: Collection[str]) -> set[str]:
    """Return which of these clusters, by SkyPilot's own ids, SkyPilot's history shows as gone.

    The SDK's call takes no ids; the server does (0.14.1, POST /cost_report). An older server returns all clusters.
    """
    from sky.server import common  # noqa: PLC0415
    from sky.server.requests.payloads import CostReportBody  # noqa: PLC0415

    body = CostReportBody(days=ALL_DAYS, cluster_hashes=list(hashes))
    with answered():
        sdk = impatient()
        response = common.make_authenticated_request("POST", "/cost_report", json=json.loads(body.model_dump_json()))
        rows = sdk.get(common.get_request_id(response))
        return {row["cluster_hash"] for row in rows if row["cluster_hash"] in hashes and row["status"] is None}


def history_of(row: Mapping[str, Any]) -> History:
    """Return the costs of one row of the cost report, with the events of a cluster that is gone."""
    stands = row["status"] is not None
    events = () if stands else events_of(row["cluster_hash"])
    dollars, seconds = float(row["total_cost"] or 0.0), float(row["duration"] or 0.0)
    return History(stands, dollars, seconds, events, str(row["cluster_hash"]))


def events_of(cluster_hash: str) -> tuple[str, ...]:
    """Return the events of a cluster, oldest first. The SDK has no call for them; the server has. Not public.

    Returns nothing where the server does not list them: the cost report already says that the cluster is gone.
    """
    from sky.server import common  # noqa: PLC0415
    from sky.server.requests.payloads import ClusterEventsBody  # noqa: PLC0415

    kinds = "STATUS_CHANGE,TERMINAL"
    body = ClusterEventsBody(cluster_hash=cluster_hash, event_type=kinds, include_timestamps=True, limit=EVENTS)
    response = common.make_authenticated_request("POST", "/cluster_events", json=json.loads(body.model_dump_json()))
    try:
        return tuple(event["reason"] for event in impatient().get(common.get_request_id(response)))
    except Exception as error:
        # Without an answer nothing is known; a refusal only means that this server lists no events.
        if is_silence(error):
            raise
        return ()
