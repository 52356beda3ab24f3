"""The cancellation of a cluster's job, without its cluster. A call of SkyPilot's SDK, as in `sdk_clusters`."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.sky.client import answered, impatient


def halt(cluster: str, job_id: int) -> None:
    """Cancel a job; a finished job stays as it is. The call takes an SSH to the cluster, 2 to 10 s (0.14.1)."""
    with answered():
        sdk = impatient()
        sdk.get(sdk.cancel(cluster, job_ids=[job_id]))


SHARES: Mapping[Callable[..., Any], float] = {halt: 0.25}
"""Share of the concurrent calls for each function. Many runs may end together; observations must continue."""
