"""The autostop of a running cluster. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.sky.calls import newest, requests_of
from bot.adapters.sky.client import answered, impatient
from bot.adapters.sky.meaning import REQUESTS
from bot.core.autostop import Setting
from bot.core.seen import Request

AUTOSTOP = "sky.autostop"
"""SkyPilot's name of the request."""

WAIT_FOR = "jobs"
"""What must end before a cluster counts as idle: jobs, and not SSH sessions, which people forget to close."""


def autostop(cluster: str, minutes: int, own: str | None) -> Setting:
    """Make a cluster remove itself after so many idle minutes; return the setting.

    The setting names the user who changed the autostop before, if SkyPilot remembers one.

    Args:
        own_request_id: the id of the bot's last setting, which counts as no other user's change.

    Raises:
        UserError: the cluster's infra supports no autostop.
    """
    with answered(refusals=True):
        sdk = impatient()
        earlier = [one for one in requests_of(cluster, finished=True, name=AUTOSTOP) if is_done(one)]
        last = newest(earlier).get(cluster)
        request_id = sdk.autostop(cluster, minutes, wait_for=wait_for(), down=True)
        sdk.get(request_id)
    by = last.user_name or last.user_id if last and last.request_id != own else None
    return Setting(str(request_id), by)


def wait_for() -> Any:
    """Return SkyPilot's value for what an idle cluster waits for."""
    from sky.skylet.autostop_lib import AutostopWaitFor  # noqa: PLC0415

    return AutostopWaitFor(WAIT_FOR)


def is_done(request: Any) -> bool:
    """Return whether a request of SkyPilot's has succeeded."""
    return REQUESTS[request.status] is Request.SUCCEEDED


SHARES: Mapping[Callable[..., Any], float] = {autostop: 0.25}
"""Share of the concurrent calls for each function. Many autostops may change at once; observations must continue."""
