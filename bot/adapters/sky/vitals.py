"""What `verlbot doctor` queries of SkyPilot's API server. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

from dataclasses import dataclass
from typing import Any

from bot.adapters.sky.client import answered, impatient, server_url

TESTED = "0.14.1"
"""SkyPilot's version that the bot is tested with."""

HEALTH_SECONDS = 10
"""Deadline in seconds for the server to report its state."""


@dataclass(frozen=True, slots=True)
class Health:
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


def health() -> Health:
    """Return the server's state.

    Raises:
        Unavailable: no server answers.
    """
    with answered():
        impatient()
        from sky.server import common  # noqa: PLC0415

        response = common.make_authenticated_request("GET", "/api/health", retry=False, timeout=HEALTH_SECONDS)
        try:
            said = response.json()
        except ValueError:  # a proxy's page
            said = {}
    return read(server_url(), response.status_code, said if isinstance(said, dict) else {})


def read(url: str, code: int, said: dict[str, Any]) -> Health:
    """Return the server's state as its answer says."""
    user = said.get("user")
    known = user if isinstance(user, dict) else {}
    return Health(
        url=url,
        code=code,
        status=str(said.get("status") or "") if said.get("version") or said.get("status") == "needs_auth" else "",
        version=str(said.get("version") or ""),
        user=str(known.get("name") or known.get("id") or ""),
    )


def infra() -> tuple[str, ...]:
    """Return the clouds that the server's last `sky check` found usable."""
    with answered():
        sdk = impatient()
        return tuple(sorted(str(cloud).lower() for cloud in sdk.get(sdk.enabled_clouds())))
