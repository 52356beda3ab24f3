"""The autostop of a cluster, set again. A call, as those of `calls`."""

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
"""What an idle cluster waits for; not for SSH sessions, which are forgotten."""


def autostop(cluster: str, minutes: int, own: str | None) -> Setting:
    """Have a cluster remove itself after so many idle minutes; who set it otherwise before, if SkyPilot remembers.

    Args:
        own: the id of the bot's last setting, which nobody is blamed for.

    Raises:
        UserError: its infra cannot.
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
    from sky.skylet.autostop_lib import AutostopWaitFor  # noqa: PLC0415

    return AutostopWaitFor(WAIT_FOR)


def is_done(request: Any) -> bool:
    return REQUESTS[request.status] is Request.SUCCEEDED


SHARES: Mapping[Callable[..., Any], float] = {autostop: 0.25}
"""Of the calls under way at once: many autostops may be put off together, and looks must go on."""
