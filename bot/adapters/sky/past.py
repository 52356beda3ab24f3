"""Calls of SkyPilot's SDK that tell of clusters that are gone. As in `calls`, each runs in a process of its own."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from bot.adapters.sky.client import answered, impatient, is_silence, server_identity
from bot.adapters.sky.records import History, Past

EVENTS = 12
"""Events of a cluster that are read, from the last."""


ALL_DAYS = 36_500
"""For a question about single clusters, however long ago they went."""


def history(clusters: Collection[str], days: int) -> Past:
    """What the cost report says of these clusters; those that it has never heard of are left out."""
    with answered():
        sdk = impatient()
        rows = sorted(sdk.get(sdk.cost_report(days=days)), key=lambda row: row["launched_at"] or 0)
        found = {row["name"]: history_of(row) for row in rows if row["name"] in clusters}
        return Past(found, server_identity())


def gone(hashes: Collection[str]) -> set[str]:
    """Return which of these clusters, by SkyPilot's own ids, its history shows as gone.

    The SDK's call takes no ids; the server does (0.14.1, POST /cost_report). An older one tells of all clusters.
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
    stands = row["status"] is not None
    events = () if stands else events_of(row["cluster_hash"])
    dollars, seconds = float(row["total_cost"] or 0.0), float(row["duration"] or 0.0)
    return History(stands, dollars, seconds, events, str(row["cluster_hash"]))


def events_of(cluster_hash: str) -> tuple[str, ...]:
    """What happened to a cluster, oldest first. The SDK has no call for it; the server has. Not public.

    Nothing where the server does not tell: that the cluster is gone says its cost report.
    """
    from sky.server import common  # noqa: PLC0415
    from sky.server.requests.payloads import ClusterEventsBody  # noqa: PLC0415

    kinds = "STATUS_CHANGE,TERMINAL"
    body = ClusterEventsBody(cluster_hash=cluster_hash, event_type=kinds, include_timestamps=True, limit=EVENTS)
    response = common.make_authenticated_request("POST", "/cluster_events", json=json.loads(body.model_dump_json()))
    try:
        return tuple(event["reason"] for event in impatient().get(common.get_request_id(response)))
    except Exception as error:
        if is_silence(error):
            raise
        return ()
