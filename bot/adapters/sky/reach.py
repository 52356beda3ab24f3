"""SSH access to a cluster of SkyPilot's, as SkyPilot's own client sets it up. Run by an `SdkWorker`. Not public.

With 0.14.1 the client requests the key from the server, and writes a configuration that reaches cloud machines
directly, and pods and Slurm jobs through the API server. The client also adds a line to the person's own
`~/.ssh/config`; here it adds the line to another file.
"""

import os
from typing import Any

from bot.adapters.sky.client import sdk_without_retries, translate_errors
from bot.errors import Unavailable
from bot.language import translate

SSH_CONFIG_PATH = "~/.sky/generated/verlbot-ssh-config"
SSH_LOCK_PATH = "~/.sky/locks/.ssh_config_{}.lock"


def write_ssh_config(cluster: str) -> str:
    """Write the SSH configuration for the hosts `CLUSTER`, `CLUSTER-worker1`, …, and return its path.

    Raises:
        Unavailable: there is none, because the cluster is not up, or not for this user.
    """
    with translate_errors():
        sdk_without_retries()
        from sky.client.cli import command  # noqa: PLC0415
        from sky.utils.cluster_utils import SSHConfigHelper  # noqa: PLC0415

        helper = redirect_paths(SSHConfigHelper)
        command._get_cluster_records_and_set_ssh_config([cluster])  # noqa: SLF001  # the SDK has no call for it
        config_path = str(os.path.expanduser(helper.ssh_cluster_path.format(cluster)))
    if not os.path.exists(config_path):
        raise Unavailable(translate("SkyPilot gives no way into its cluster."))
    return config_path


def redirect_paths(helper: Any) -> Any:
    """Return the client's writer of configurations, with paths in this environment's home.

    It was imported in the process that this one was forked from, with the paths of another home; its lock cannot be
    acquired here. Each file is written in one step, and no other process writes the files of our clusters.
    """
    helper.ssh_conf_path = os.path.expanduser(SSH_CONFIG_PATH)
    helper.ssh_conf_per_cluster_lock_path = os.path.expanduser(SSH_LOCK_PATH)
    # SSH itself resolves `~` to the home in the system's database of users.
    helper.ssh_cluster_key_path = os.path.expanduser(helper.ssh_cluster_key_path)
    helper.add_cluster = classmethod(helper.add_cluster.__func__.__wrapped__)
    return helper
