"""What `verlbot doctor` asks SkyPilot's API server. Calls, as those of `calls`."""

from dataclasses import dataclass
from typing import Any

from bot.adapters.sky.client import answered, impatient, server_url

TESTED = "0.14.1"
"""SkyPilot's version that the bot is tested with."""

HEALTH_SECONDS = 10
"""For the server to say how it is."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an API server is.

    Attributes:
        url: where it was asked, without a password.
        code: HTTP's status.
        status: `healthy`, or SkyPilot's word for what it is instead; empty where no API server of SkyPilot's spoke.
        version: SkyPilot's there.
        user: who we are to it; empty where it knows nobody.
    """

    url: str
    code: int
    status: str = ""
    version: str = ""
    user: str = ""


def health() -> Health:
    """Raises Unavailable where nobody answers."""
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
    """The clouds that the server's last `sky check` found usable."""
    with answered():
        sdk = impatient()
        return tuple(sorted(str(cloud).lower() for cloud in sdk.get(sdk.enabled_clouds())))
