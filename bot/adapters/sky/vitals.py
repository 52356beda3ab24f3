"""What `verlbot doctor` queries of SkyPilot's API server. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

from dataclasses import dataclass
from typing import Any

from bot.adapters.sky.client import sdk_without_retries, server_url, translate_errors

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
