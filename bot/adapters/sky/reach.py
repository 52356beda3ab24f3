"""SSH access to a cluster of SkyPilot's, as SkyPilot's own client sets it up. Run by an `SdkWorker`. Not public.

With 0.14.1 the client requests the key from the server, and writes a configuration that reaches cloud machines
directly, and pods and Slurm jobs through the API server. The client also adds a line to the person's own
`~/.ssh/config`; here it adds the line to another file.
"""

import os
from typing import Any

from bot.adapters.sky.client import answered, impatient
from bot.errors import Unavailable
from bot.language import say

OWN_CONFIG = "~/.sky/generated/verlbot-ssh-config"
OWN_LOCK = "~/.sky/locks/.ssh_config_{}.lock"


def reach(cluster: str) -> str:
    """Write the SSH configuration for the hosts `CLUSTER`, `CLUSTER-worker1`, …, and return its path.

    Raises:
        Unavailable: there is none, because the cluster is not up, or not for this user.
    """
    with answered():
        impatient()
        from sky.client.cli import command  # noqa: PLC0415
        from sky.utils.cluster_utils import SSHConfigHelper  # noqa: PLC0415

        helper = ours(SSHConfigHelper)
        command._get_cluster_records_and_set_ssh_config([cluster])  # noqa: SLF001  # the SDK has no call for it
        written = str(os.path.expanduser(helper.ssh_cluster_path.format(cluster)))
    if not os.path.exists(written):
        raise Unavailable(say("SkyPilot gives no way into its cluster."))
    return written


def ours(helper: Any) -> Any:
    """Return the client's writer of configurations, with paths in this environment's home.

    It was imported in the process that this one was forked from, with the paths of another home; its lock cannot be
    acquired here. Each file is written in one step, and no other process writes the files of our clusters.
    """
    helper.ssh_conf_path = os.path.expanduser(OWN_CONFIG)
    helper.ssh_conf_per_cluster_lock_path = os.path.expanduser(OWN_LOCK)
    # SSH itself resolves `~` to the home in the system's database of users.
    helper.ssh_cluster_key_path = os.path.expanduser(helper.ssh_cluster_key_path)
    helper.add_cluster = classmethod(helper.add_cluster.__func__.__wrapped__)
    return helper
