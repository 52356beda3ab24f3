"""The cancellation of a cluster's job, without its cluster. A call of SkyPilot's SDK, as in `sdk_clusters`."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.sky.client import sdk_without_retries, translate_errors


def cancel_job(cluster: str, job_id: int) -> None:
    """Cancel a job; a finished job stays as it is. The call takes an SSH to the cluster, 2 to 10 s (0.14.1)."""
    with translate_errors():
        sdk = sdk_without_retries()
        sdk.get(sdk.cancel(cluster, job_ids=[job_id]))


CANCEL_SHARES: Mapping[Callable[..., Any], float] = {cancel_job: 0.25}
"""Share of the concurrent calls for each function. Many runs may end together; observations must continue."""
