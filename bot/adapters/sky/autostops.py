"""The autostop of a running cluster. Calls of SkyPilot's SDK, as in `sdk_clusters`."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.sky.calls import find_requests, newest_by_cluster
from bot.adapters.sky.client import sdk_without_retries, translate_errors
from bot.adapters.sky.meaning import REQUEST_STATES
from bot.core.autostop import AutostopSetting
from bot.core.seen import RequestState

AUTOSTOP_REQUEST = "sky.autostop"
"""SkyPilot's name of the request."""

AUTOSTOP_WAIT_FOR = "jobs"
"""What must end before a cluster counts as idle: jobs, and not SSH sessions, which people forget to close."""


def set_autostop(cluster: str, minutes: int, own_request_id: str | None) -> AutostopSetting:
    """Make a cluster remove itself after so many idle minutes; return the setting.

    The setting names the user who changed the autostop before, if SkyPilot remembers one.

    Args:
        own_request_id: the id of the bot's last setting, which counts as no other user's change.

    Raises:
        UserError: the cluster's infra supports no autostop.
    """
    with translate_errors(refusals=True):
        sdk = sdk_without_retries()
        earlier = [
            request
            for request in find_requests(cluster, finished=True, name=AUTOSTOP_REQUEST)
            if has_succeeded(request)
        ]
        last = newest_by_cluster(earlier).get(cluster)
        request_id = sdk.autostop(cluster, minutes, wait_for=build_wait_for(), down=True)
        sdk.get(request_id)
    changed_by = last.user_name or last.user_id if last and last.request_id != own_request_id else None
    return AutostopSetting(str(request_id), changed_by)


def build_wait_for() -> Any:
    """Return SkyPilot's value for what an idle cluster waits for."""
    from sky.skylet.autostop_lib import AutostopWaitFor  # noqa: PLC0415

    return AutostopWaitFor(AUTOSTOP_WAIT_FOR)


def has_succeeded(request: Any) -> bool:
    """Return whether a request of SkyPilot's has succeeded."""
    return REQUEST_STATES[request.status] is RequestState.SUCCEEDED


AUTOSTOP_SHARES: Mapping[Callable[..., Any], float] = {set_autostop: 0.25}
"""Share of the concurrent calls for each function. Many autostops may change at once; observations must continue."""
