"""Calls of SkyPilot's SDK that only ask: clusters, prices, past costs, SSH addresses, the server's state."""

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

from bot.adapters.sky.sdk_client import (
    fetch_server_identity,
    is_no_answer,
    sdk_without_retries,
    server_url,
    translate_errors,
)
from bot.adapters.sky.sdk_clusters import COST_REPORT_DAYS, SUMMARY_OPTIONS, cluster_record
from bot.adapters.sky.sky_records import ClusterCostHistory, ClusterCosts, InventoryRecord
from bot.errors import Unavailable
from bot.phrase import Phrase

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


SSH_CONFIG_PATH = "~/.sky/generated/verlbot-ssh-config"
SSH_LOCK_PATH = "~/.sky/locks/.ssh_config_{}.lock"


def write_ssh_config(cluster: str) -> str:
    """Write the SSH configuration for the hosts `CLUSTER`, `CLUSTER-worker1`, …, and return its path.

    Raises:
        Unavailable: there is none, because the cluster is not up, or not for this user.
    """
    with translate_errors():
        sdk_without_retries()
        from sky.client.cli import command  # noqa: PLC0415
        from sky.utils.cluster_utils import SSHConfigHelper  # noqa: PLC0415

        helper = redirect_paths(SSHConfigHelper)
        command._get_cluster_records_and_set_ssh_config([cluster])  # noqa: SLF001  # the SDK has no call for it
        config_path = str(os.path.expanduser(helper.ssh_cluster_path.format(cluster)))
    if not os.path.exists(config_path):
        raise Unavailable(Phrase("SkyPilot gives no SSH access to its cluster."))
    return config_path


def redirect_paths(helper: Any) -> Any:
    """Return the client's writer of configurations, with paths in this environment's home.

    It was imported in the process that this one was forked from, with the paths of another home; its lock cannot be
    acquired here. Each file is written in one step, and no other process writes the files of our clusters.
    """
    helper.ssh_conf_path = os.path.expanduser(SSH_CONFIG_PATH)
    helper.ssh_conf_per_cluster_lock_path = os.path.expanduser(SSH_LOCK_PATH)
    # SSH itself resolves `~` to the home in the system's database of users.
    helper.ssh_cluster_key_path = os.path.expanduser(helper.ssh_cluster_key_path)
    helper.add_cluster = classmethod(helper.add_cluster.__func__.__wrapped__)
    return helper


TESTED_VERSION = "0.14.1"
"""SkyPilot's version that the bot is tested with."""

HEALTH_SECONDS = 10
"""Deadline in seconds for the server to report its state."""


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """The state of an API server.

    Attributes:
        url: its address, without a password.
        code: HTTP's status.
        status: `healthy`, or SkyPilot's word for another state; empty where no API server of SkyPilot's has answered.
        version: SkyPilot's version there.
        user: the bot's user there; empty where the server knows no users.
    """

    url: str
    code: int
    status: str = ""
    version: str = ""
    user: str = ""


def fetch_health() -> ServerHealth:
    """Return the server's state.

    Raises:
        Unavailable: no server answers.
    """
    with translate_errors():
        sdk_without_retries()
        from sky.server import common  # noqa: PLC0415

        response = common.make_authenticated_request("GET", "/api/health", retry=False, timeout=HEALTH_SECONDS)
        try:
            body = response.json()
        except ValueError:  # a proxy's page
            body = {}
    return parse_health(server_url(), response.status_code, body if isinstance(body, dict) else {})


def parse_health(url: str, code: int, body: dict[str, Any]) -> ServerHealth:
    """Return the server's state as its answer says."""
    user = body.get("user")
    user_fields = user if isinstance(user, dict) else {}
    return ServerHealth(
        url=url,
        code=code,
        status=str(body.get("status") or "") if body.get("version") or body.get("status") == "needs_auth" else "",
        version=str(body.get("version") or ""),
        user=str(user_fields.get("name") or user_fields.get("id") or ""),
    )


def list_infra() -> tuple[str, ...]:
    """Return the clouds that the server's last `sky check` found usable."""
    with translate_errors():
        sdk = sdk_without_retries()
        return tuple(sorted(str(cloud).lower() for cloud in sdk.get(sdk.enabled_clouds())))
