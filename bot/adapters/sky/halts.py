"""A job of a cluster, ended without its cluster. A call, as those of `calls`."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.sky.client import answered, impatient


def halt(cluster: str, job_id: int) -> None:
    """Cancel a job; one that is over stays as it is. It takes an SSH to the cluster, 2 to 10 s (0.14.1)."""
    with answered():
        sdk = impatient()
        sdk.get(sdk.cancel(cluster, job_ids=[job_id]))


SHARES: Mapping[Callable[..., Any], float] = {halt: 0.25}
"""Of the calls under way at once: many runs may be ended together, and looks must go on."""
