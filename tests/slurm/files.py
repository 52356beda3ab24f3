"""The files of the bed: the configuration of Slurm, SSH and SkyPilot, and the scripts that stand in for a download."""

from dataclasses import dataclass
from pathlib import Path

USER, USER_ID = "researcher", 20001
BRAND = "verlbot-bed"
"""What the names of its network namespaces begin with."""

LOGIN = "bed-login"
CLUSTER, PARTITION = "bed", "gpu"
GPU, GPUS = "H100", 8
DOLLARS_PER_GPU_HOUR, DOLLARS_PER_CPU_HOUR, DOLLARS_PER_GB_HOUR = 2.0, 1.0, 0.25
LOST_AFTER_SECONDS = 15
"""Slurm takes a node that is silent for that long for dead; its own default is five minutes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of a bed is.

    Attributes:
        root: of all of it; short, because sockets have short names.
        cache: downloads that outlive a bed.
        nodes: compute nodes, at most 99.
        ssh_port, api_port: on 127.0.0.1: the login node, and SkyPilot's API server.
    """

    root: Path
    cache: Path
    nodes: int
    ssh_port: int
    api_port: int

    @property
    def home(self) -> Path:
        """Of the user on the nodes."""
        return self.root / "shared" / USER

    @property
    def skeleton(self) -> Path:
        """Files for each cluster's home."""
        return self.root / "shared" / "skeleton"

    @property
    def sky_home(self) -> Path:
        """HOME of SkyPilot's server and of its client."""
        return self.root / "sky"

    @property
    def names(self) -> list[str]:
        return [f"bed-n{number}" for number in range(1, self.nodes + 1)]

    def address(self, name: str) -> str:
        return "10.90.0.1" if name == LOGIN else f"10.90.1.{name.removeprefix('bed-n')}"


def network(name: str) -> str:
    """The network namespace of a node."""
    return f"{BRAND}-{name}"


def cables(at: Layout) -> dict[str, str]:
    """The input of `ip -batch` in each namespace, the switch's first.

    Nodes have networks of their own because SkyPilot's agent listens on a fixed port of its node.
    """
    switch = ["link set lo up", "link add switch type bridge", f"address add {at.address(LOGIN)}/16 dev switch"]
    for name in at.names:
        switch.append(f"link add to-{name} type veth peer name cable netns {network(name)}")
        switch.append(f"link set to-{name} master switch up")
    found = {LOGIN: [*switch, "link set switch up"]}
    for name in at.names:
        found[name] = ["link set lo up", f"address add {at.address(name)}/16 dev cable", "link set cable up"]
    return {name: "\n".join(lines) for name, lines in found.items()}


def slurm_conf(at: Layout) -> str:
    """No cgroups, no accounting, and nodes as large as they are said to be.

    A cluster has its nodes to itself: SkyPilot's agent on a node kills those of other clusters there (0.14.1).
    """
    nodes = "\n".join(
        f"NodeName={name} NodeAddr={at.address(name)} CPUs=64 RealMemory=512000 Gres=gpu:{GPU}:{GPUS} State=UNKNOWN"
        for name in at.names
    )
    return f"""\
ClusterName={CLUSTER}
SlurmctldHost={LOGIN}({at.address(LOGIN)})
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={at.root}/munge/run/socket
StateSaveLocation={at.root}/state
SlurmdSpoolDir={at.root}/spool/%n
SlurmctldPidFile={at.root}/run/slurmctld.pid
SlurmdPidFile={at.root}/run/slurmd.%n.pid
SlurmctldLogFile={at.root}/log/slurmctld.log
SlurmdLogFile={at.root}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
SlurmdTimeout={LOST_AFTER_SECONDS}
KillWait=3
ReturnToService=2
PrologSlurmctld={at.root}/bin/prolog
{nodes}
PartitionName={PARTITION} Nodes=ALL Default=YES OverSubscribe=EXCLUSIVE DefaultTime=1-0 MaxTime=7-0 State=UP
"""


def gres_conf(at: Layout) -> str:
    """Slurm takes a GPU's number from the end of its device file's name."""
    return f"Name=gpu Type={GPU} File={at.root}/dev/gpu[0-{GPUS - 1}]\n"


def sshd_config(at: Layout) -> str:
    return f"""\
HostKey {at.root}/ssh/host
AuthorizedKeysFile {at.home}/.ssh/authorized_keys
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
StrictModes no
MaxSessions 100
MaxStartups 100
AllowUsers {USER}
Subsystem sftp /usr/lib/openssh/sftp-server
"""


def hosts(at: Layout) -> str:
    return "127.0.0.1 localhost\n" + "".join(f"{at.address(name)} {name}\n" for name in (LOGIN, *at.names))


def become(at: Layout) -> str:
    """`become NAME COMMAND…`: in fresh namespaces, be that node and run the command.

    `/tmp`, `/run` and the processes in sight are the node's own. The bed is bound to its place again, should
    that have been in /tmp. The script stays, because the first process of a namespace must take care of orphans.
    """
    return f"""\
#!/bin/bash
set -e
node=$1
shift
hostname "$node"
for name in hosts passwd group slurm; do mount --bind {at.root}/etc/$name /etc/$name; done
mount -t tmpfs -o mode=755 bed-run /run
mkdir -p /run/sshd /run/bed
mount --bind {at.root} /run/bed
mount --bind "/run/bed/nodes/$node" /tmp
[ -e {at.root}/bin ] || {{ mkdir -p {at.root}; mount --bind /run/bed {at.root}; }}
cd /
[ $$ = 1 ] || exec "$@"
"$@" &
trap "kill $!" TERM
while kill -0 $! 2> /dev/null; do wait || true; done
"""


def prolog(at: Layout) -> str:
    """Before a job begins: SkyPilot gives each cluster a home, and fetches uv into it unless there is one.

    What a test puts into the bed's `skeleton` is in each new home.
    """
    return f"""\
#!/bin/bash
home={at.home}/.sky_clusters/$SLURM_JOB_NAME
mkdir -p "$home/.local/bin"
ln -sfn {at.root}/bin/uv "$home/.local/bin/uv"
[ ! -d {at.skeleton} ] || cp -dR {at.skeleton}/. "$home/"
chown -hR {USER_ID}:{USER_ID} {at.home}/.sky_clusters
"""


def uv(at: Layout) -> str:
    """uv without a network: Debian's Python for the one that SkyPilot asks for, packages from the cache.

    SkyPilot's runtime is the same on every node of every cluster, so it is installed once and linked from
    then on: it would take a minute of two cores each time.
    """
    return f"""\
#!/bin/bash
set -e
real={at.cache}/tools/bin/uv
export UV_CACHE_DIR={at.cache}/uv UV_OFFLINE=1 UV_LINK_MODE=copy
words=() before=
for word in "$@"; do
  if [ "$before $word" = '--python 3.10' ]; then word=/usr/bin/python3; fi
  words+=("$word") before=$word
done
case "$1 $2 ${{3:-}}" in
  'pip install '*/skypilot-*.whl*)
    wheel="${{3%%[*}}"
    made={at.cache}/runtime-$(sha256sum "$wheel" | cut -c1-16)
    exec 9> "$made.lock"
    flock 9
    if [ ! -e "$made/complete" ]; then
      "$real" venv --clear --seed --relocatable --python /usr/bin/python3 "$made"
      VIRTUAL_ENV="$made" "$real" pip install --compile-bytecode "$3"
      touch "$made/complete"
    fi
    rm -rf "$VIRTUAL_ENV"
    ln -s "$made" "$VIRTUAL_ENV"
    ;;
  'pip uninstall skypilot') ;;  # it is everybody's
  *) exec "$real" "${{words[@]}}" ;;
esac
"""


def sky_config(managed: bool) -> str:
    """With prices, as a team would tell its server; a short wait for room, so that a test need not wait long.

    Managed jobs, where it has them, are looked after by the server itself, as on one that was installed with
    SkyPilot's chart.
    """
    jobs = "jobs: {controller: {consolidation_mode: true}}\n" if managed else ""
    return f"""\
allowed_clouds: [slurm]
slurm:
  provision_timeout: 40
  pricing:
    cpu: {DOLLARS_PER_CPU_HOUR}
    memory: {DOLLARS_PER_GB_HOUR}
    accelerators: {{{GPU}: {DOLLARS_PER_GPU_HOUR}}}
{jobs}"""


def plugins_config(endpoint: str) -> str:
    return f"""\
plugins:
  - class: {OFFLINE}.Offline
    parameters:
      url: {endpoint}/api/health
"""


OFFLINE = "verlbot_bed_offline"
OFFLINE_PLUGIN = '''\
"""Lets SkyPilot 0.14.1 take its own API server for the internet.

A controller of managed jobs asks two public addresses, fixed in its code, whether the network is up; where neither
answers it takes its job for running for ever.
"""

from sky.backends import backend_utils
from sky.server import plugins


class Offline(plugins.BasePlugin):
    def __init__(self, url):
        self.url = url

    def install(self, extension_context):
        backend_utils._TEST_IP_LIST = [self.url]
'''


def slurm_config(at: Layout) -> str:
    """Where SkyPilot finds the cluster: an SSH configuration."""
    return f"""\
Host {CLUSTER}
    HostName 127.0.0.1
    Port {at.ssh_port}
    User {USER}
    IdentityFile {at.root}/ssh/user
    IdentitiesOnly yes
"""


CATALOGUE = {
    "accelerators.csv": f"AcceleratorName,Clouds\n{GPU},\"['Slurm']\"\n",
    "metadata.csv": f"GPU,MemoryGB,Manufacturer\n{GPU},80,NVIDIA\n",
}
"""What SkyPilot would fetch for the first task that names a GPU."""
