"""Brings the bed up and down, and does to it what happens to clusters: nodes die, jobs are cancelled."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.slurm import files
from tests.slurm.files import LOGIN, USER, USER_ID, Layout

PACKAGES = (
    "slurm-wlm", "munge", "openssh-server", "openssh-client", "rsync", "socat", "iproute2", "python3-venv", "curl",
)  # fmt: skip
MARK = "VERLBOT_SLURM_BED"
"""Environment variable of everything that the bed starts outside of its network namespace."""

NETWORKS = Path("/run/netns")
"""Where `ip netns` keeps network namespaces by name."""

ROOT = Path("/tmp/verlbot-bed")
CACHE = Path("/var/cache/verlbot-bed")
START_SECONDS = 120
SERVER_STARTS = 3
SKYPILOT = "0.14.1"
SYSTEM = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class BedError(Exception):
    """The bed cannot be brought up; the message says why."""


def lacking() -> str | None:
    """Why no bed can stand here, or None."""
    if not sys.platform.startswith("linux") or not Path("/etc/debian_version").exists():
        return "it takes Debian"
    if os.geteuid() != 0:
        return "it takes root, for namespaces and for slurmd"
    missing = [name for name in PACKAGES if not installed(name)]
    return f"it takes the packages {' '.join(missing)}: `make test-slurm` installs them" if missing else None


def installed(package: str) -> bool:
    asked = ["dpkg-query", "-Wf", "${db:Status-Status}", package]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout == "installed"


def install() -> None:
    """Debian's packages, whose daemons are kept from starting by themselves."""
    missing = [name for name in PACKAGES if not installed(name)]
    if not missing:
        return
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        for words in (["update", "-q"], ["install", "-qy", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *words], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=True)
    finally:
        if ours:
            policy.unlink()


class Bed:
    """One Slurm cluster with SkyPilot's API server in front of it."""

    def __init__(self, nodes: int = 12, ssh_port: int = 2290, api_port: int = 22590, managed: bool = True) -> None:
        """
        Args:
            managed: whether the server looks after managed jobs, which takes a plugin and a slower start.
        """
        self.at = Layout(ROOT, CACHE, nodes, ssh_port, api_port)
        self.managed = managed

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.at.api_port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """For SkyPilot's server and for its client."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{SYSTEM['PATH']}",
            "LANG": SYSTEM["LANG"],
            "HOME": str(self.at.sky_home),
            "SKYPILOT_API_SERVER_ENDPOINT": self.endpoint,
            "SKYPILOT_API_SERVER_LOCAL_PORT": str(self.at.api_port),
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
            **(self._plugin if self.managed else {}),
            "SKYPILOT_POD_MEMORY_GB_LIMIT": "8",  # the server sizes itself by it, not by the whole machine
            MARK: str(self.at.root),
        }

    @property
    def _plugin(self) -> Mapping[str, str]:
        folder = self.at.root / "plugin"
        return {"SKYPILOT_SERVER_PLUGINS_CONFIG": str(folder / "plugins.yaml"), "PYTHONPATH": str(folder)}

    def up(self) -> None:
        """Bring it up, from nothing: what an earlier one left is removed first."""
        if why := lacking():
            raise BedError(f"No Slurm bed can stand here: {why}.")
        self.down()
        self._fill_cache()
        self._write()
        self._network()
        munge = self.at.root / "munge"
        self._start(
            "munged", "setpriv", "--reuid", "munge", "--regid", "munge", "--clear-groups", "munged", "--foreground",
            "--force", "--socket", f"{munge}/run/socket", "--key-file", f"{munge}/etc/key",
            "--pid-file", f"{munge}/run/pid", "--log-file", f"{munge}/log/log", "--seed-file", f"{munge}/run/seed",
        )  # fmt: skip
        until("munged", lambda: quiet("munge", "-n", "-S", f"{munge}/run/socket"))
        self._start("slurmctld", *self.on(LOGIN, "slurmctld", "-D"))
        sshd = " ".join(self.on(LOGIN, "/usr/sbin/sshd", "-i", "-f", f"{self.at.root}/ssh/sshd_config"))
        listen = f"TCP-LISTEN:{self.at.ssh_port},bind=127.0.0.1,reuseaddr,fork"
        self._start("sshd", "socat", listen, f"EXEC:{sshd},nofork")
        for name in self.at.names:
            self.start_node(name)
        until("the login node", lambda: self._ssh("true", seconds=5) is not None)
        until("the nodes", lambda: self.idle() == self.at.nodes)
        self.start_server()

    def down(self) -> None:
        """End everything that belongs to it, and remove its files."""
        deadline = time.monotonic() + START_SECONDS
        while left := list(everything()):
            if time.monotonic() > deadline:
                raise BedError(f"These do not end: {left}")
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=0.2)
        for network in NETWORKS.glob(f"{files.BRAND}*"):
            run("ip", "netns", "delete", network.name)
        shutil.rmtree(self.at.root, ignore_errors=True)

    def on(self, name: str, *command: str, alone: bool = False) -> list[str]:
        """The words that run a command as that node; `alone`, it sees no processes but its own."""
        into = ["ip", "netns", "exec", files.network(name), "unshare", "--mount", "--uts", "--propagation", "private"]
        into += ["--pid", "--fork", "--kill-child", "--mount-proc"] if alone else []
        return [*into, f"{self.at.root}/bin/become", name, *command]

    # Slurm

    def start_node(self, name: str) -> None:
        self._start(f"slurmd-{name}", *self.on(name, "slurmd", "-D", "-N", name, alone=True))

    def forward_port(self, port: int) -> None:
        """Let each node reach a port of this machine's loopback as one of its own, by a socket in the shared folder."""
        gate = self.at.root / "run" / f"port-{port}"
        self._run_detached("socat", f"UNIX-LISTEN:{gate},mode=666,fork", f"TCP:127.0.0.1:{port}")
        until(f"The socket of port {port}", gate.exists)
        for name in self.at.names:
            listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork"
            self._run_detached(*self.on(name, "socat", listen, f"UNIX-CONNECT:{gate}"))

    def kill_node(self, name: str) -> None:
        """What a power cut does to a node: everything on it is gone at once."""
        for process in everything():
            with suppress(psutil.Error, OSError):
                if network_of(process.pid) == (NETWORKS / files.network(name)).stat().st_ino:
                    process.kill()

    def queue(self) -> list[str]:
        """Names of Slurm's jobs, which are those of SkyPilot's clusters with a hash behind them."""
        return (self._ssh("squeue", "-h", "-o", "%j") or "").split()

    def cancel(self, name: str) -> None:
        """What an administrator does to the jobs whose names begin so: SkyPilot is not told."""
        for line in (self._ssh("squeue", "-h", "-o", "'%i %j'") or "").splitlines():
            number, job = line.split()
            if job.startswith(name):
                self._ssh("scancel", number)

    def nodes_of(self, job: str) -> list[str]:
        """Names of the nodes that the job has whose name begins so, the head first."""
        for line in (self._ssh("squeue", "-h", "-o", "'%j %N'") or "").splitlines():
            if line.startswith(job):
                return (self._ssh("scontrol", "show", "hostnames", line.split()[1]) or "").split()
        return []

    def job_ids(self, cluster: str) -> list[int]:
        """Numbers of all jobs that a cluster was given."""
        told = self.python(f"import sky; print([one['job_id'] for one in sky.get(sky.queue({cluster!r}))])")
        return [int(number) for number in re.findall(r"\d+", told.splitlines()[-1])]

    def clusters(self) -> str:
        """SkyPilot's table of clusters, as text; of a script, because the command line asks for more than that."""
        return self.python("import sky; print([one['name'] for one in sky.get(sky.status(all_users=True))])")

    def idle(self) -> int:
        """Nodes that take jobs."""
        states = "idle,mixed,allocated"
        return len(set((self._ssh("sinfo", "-hN", "-t", states, "-o", "%N", seconds=5) or "").split()))

    # SkyPilot

    def start_server(self) -> None:
        """SkyPilot's API server, answering; begun again where it ends or says nothing, as a supervisor would.

        Raises:
            BedError: it never answered; with the end of its log.
        """
        for _ in range(SERVER_STARTS):
            self._launch_server()
            if self._server_comes():
                return
            self._end_server()
        raise BedError(f"SkyPilot's API server answered in none of {SERVER_STARTS} starts:\n{tails('sky-server.log')}")

    def _launch_server(self) -> None:
        command = [sys.executable, "-m", "sky.server.server", "--host", "127.0.0.1", "--port", str(self.at.api_port)]
        self._run_detached(*command, log="sky-server", environment=self.environment)

    def _server_comes(self) -> bool:
        """Whether it answers in time; False at once where it is gone, as where another process has its port."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.answers():
                return True
            if not list(self._server()):
                return False
            time.sleep(0.1)
        return False

    def kill_server(self) -> None:
        """kill -9 of the API server with all of its workers: what a power cut does to its machine."""
        self._end_server()
        until("The end of SkyPilot's API server", lambda: not self.answers())

    def _end_server(self) -> None:
        for process in self._server():
            with suppress(psutil.Error):
                process.kill()

    def _server(self) -> Iterator[psutil.Process]:
        """Its processes, which run outside of the nodes' networks."""
        inside = networks()
        for process in everything():
            with suppress(psutil.Error, OSError):
                if network_of(process.pid) not in inside and belongs_to_server(process, self.at):
                    yield process

    def answers(self) -> bool:
        return quiet("curl", "-sf", "-m", "3", f"{self.endpoint}/api/health")

    def sky(self, *words: str) -> str:
        """What `sky` says, typed by another user than the bot."""
        return self._as_somebody(str(Path(sys.executable).parent / "sky"), *words)

    def python(self, script: str) -> str:
        """What a script prints that uses SkyPilot, run by another user than the bot."""
        return self._as_somebody(sys.executable, "-c", script)

    def _as_somebody(self, *command: str) -> str:
        done = subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, timeout=180, check=False
        )
        return done.stdout + done.stderr

    def _ssh(self, *words: str, seconds: float = 20) -> str | None:
        """What a command prints on the login node; None where it fails."""
        options = ["-q", "-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
        options += ["-o", "UserKnownHostsFile=/dev/null", "-i", f"{self.at.root}/ssh/user", "-p", str(self.at.ssh_port)]
        asked = ["ssh", *options, f"{USER}@127.0.0.1", *words]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout if done.returncode == 0 else None

    def _run_detached(self, *command: str, log: str = "detached", environment: Mapping[str, str] | None = None) -> None:
        """A child of no process, because it outlives the one that starts it."""
        with (self.at.root / "log" / f"{log}.log").open("ab") as stream:
            subprocess.run(
                ["setsid", "--fork", *command],
                env={**SYSTEM, MARK: str(self.at.root), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                check=True,
            )

    def _start(self, name: str, *command: str) -> None:
        with (self.at.root / "log" / f"{name}.out").open("ab") as log:
            subprocess.Popen(
                command,
                env={**SYSTEM, MARK: str(self.at.root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _network(self) -> None:
        """A switch with a cable to each node, in namespaces without a way out."""
        for name in (LOGIN, *self.at.names):
            run("ip", "netns", "add", files.network(name))
        for name, lines in files.cables(self.at).items():
            run("ip", "-n", files.network(name), "-batch", "-", said=lines)

    def _fill_cache(self) -> None:
        """What the nodes would download, fetched while there is a network; once, for all beds to come."""
        done = self.at.cache / f"skypilot-{SKYPILOT}"
        if done.exists():
            return
        tools, trial = self.at.cache / "tools", self.at.cache / "trial"
        self.at.cache.mkdir(parents=True, exist_ok=True)
        run("/usr/bin/python3", "-m", "venv", str(tools))
        run(f"{tools}/bin/pip", "install", "--quiet", "uv")
        environment = {"UV_CACHE_DIR": f"{self.at.cache}/uv", "VIRTUAL_ENV": str(trial)}
        for words in (
            ["venv", "--clear", "--seed", "--python", "/usr/bin/python3", str(trial)],
            ["pip", "install", f"skypilot[slurm,remote]=={SKYPILOT}"],
        ):
            run(f"{tools}/bin/uv", "--quiet", *words, **environment)
        shutil.rmtree(trial)
        run("chown", "-R", f"{USER_ID}:{USER_ID}", str(self.at.cache))
        done.touch()

    def _write(self) -> None:
        at = self.at
        for name in (
            "etc/slurm",
            "run",
            "state",
            "spool",
            "dev",
            "ssh",
            "bin",
            "log",
            "munge/etc",
            "munge/run",
            "munge/log",
        ):
            (at.root / name).mkdir(parents=True)
        for name in (LOGIN, *at.names):
            (at.root / "spool" / name).mkdir()
            (at.root / "nodes" / name).mkdir(parents=True)
            (at.root / "nodes" / name).chmod(0o1777)
        for path, text in self._texts().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for script in (at.root / "bin").iterdir():
            script.chmod(0o755)
        for number in range(files.GPUS):
            run("mknod", "-m", "666", f"{at.root}/dev/gpu{number}", "c", "1", "3")
        for key in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "verlbot-bed", "-f", f"{at.root}/ssh/{key}")
        (at.home / ".ssh").mkdir(parents=True)
        shutil.copy(at.root / "ssh" / "user.pub", at.home / ".ssh" / "authorized_keys")
        run("chown", "-R", f"{USER_ID}:{USER_ID}", str(at.root / "shared"))
        (at.root / "munge" / "etc" / "key").write_bytes(os.urandom(1024))
        run("chmod", "-R", "u=rwX,go=", f"{at.root}/munge/etc", f"{at.root}/munge/log")
        run("chown", "-R", "munge:munge", f"{at.root}/munge")

    def _texts(self) -> Mapping[Path, str]:
        at, account = self.at, f"{USER}:*:{USER_ID}:"
        return {
            at.root / "etc/hosts": files.hosts(at),
            at.root / "etc/passwd": Path("/etc/passwd").read_text() + f"{account}{USER_ID}::{at.home}:/bin/bash\n",
            at.root / "etc/group": Path("/etc/group").read_text() + f"{account}\n",
            at.root / "etc/slurm/slurm.conf": files.slurm_conf(at),
            at.root / "etc/slurm/gres.conf": files.gres_conf(at),
            at.root
            / "etc/slurm/cgroup.conf": "CgroupPlugin=cgroup/v1\n",  # unused; slurmd wants one, and this needs nothing
            at.root / "ssh/sshd_config": files.sshd_config(at),
            at.root / "bin/become": files.become(at),
            at.root / "bin/prolog": files.prolog(at),
            at.root / "bin/uv": files.uv(at),
            at.sky_home / ".sky/config.yaml": files.sky_config(self.managed),
            at.root / "plugin/plugins.yaml": files.plugins_config(self.endpoint),
            at.root / f"plugin/{files.OFFLINE}.py": files.OFFLINE_PLUGIN,
            at.sky_home / ".slurm/config": files.slurm_config(at),
            **{at.sky_home / ".sky/catalogs/v8/common" / name: text for name, text in files.CATALOGUE.items()},
        }


def everything() -> Iterator[psutil.Process]:
    """Every process of a bed: those in its networks, those that carry its mark, and SkyPilot's workers."""
    inside = networks()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            marked = process.environ().get(MARK) == str(ROOT)
            if network_of(process.pid) in inside or marked or writes_to(process, ROOT):
                yield process


def networks() -> set[int]:
    """The bed's network namespaces, by inode."""
    return {path.stat().st_ino for path in NETWORKS.glob(f"{files.BRAND}*")}


def network_of(pid: int) -> int:
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


def belongs_to_server(process: psutil.Process, at: Layout) -> bool:
    """SkyPilot's server and its workers, which write over their words and environment."""
    logs = writes_to(process, at.root / "log" / "sky-server.log") or writes_to(process, at.sky_home)
    return logs or process.environ().get("HOME") == str(at.sky_home)


def writes_to(process: psutil.Process, folder: Path) -> bool:
    for descriptor in (1, 2):
        with suppress(OSError):
            if str(folder) in os.readlink(f"/proc/{process.pid}/fd/{descriptor}"):
                return True
    return False


def run(*command: str, said: str = "", **environment: str) -> str:
    """What a command prints that gets some input.

    Raises:
        BedError: it failed.
    """
    own = {**os.environ, **environment}
    done = subprocess.run(command, env=own, input=said, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BedError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def quiet(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def tails(pattern: str = "*", lines: int = 30) -> str:
    """The ends of the bed's logs: they are removed with it, and the reader of the failure may have no such machine."""
    logs = sorted((ROOT / "log").glob(pattern))
    return "\n".join(
        line for path in logs for line in (f"== {path.name}", *path.read_text(errors="replace").splitlines()[-lines:])
    )


def until(what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise BedError(f"{what} did not come within {START_SECONDS} s:\n{tails()}")
        time.sleep(0.1)


@contextmanager
def standing(*, alone: bool = False) -> Iterator[Bed]:
    """The bed that was brought up before the tests; shared, or for one that kills what the others lean on.

    Raises:
        BedError: there is none.
    """
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        found = Bed()
        if not found.answers():
            raise BedError("No Slurm bed stands: `make test-slurm` brings one up, tests on it, and removes it.")
        yield found


def main(words: Sequence[str]) -> int:
    """Exit codes: that of the command for `with`; 3 where no bed can stand here."""
    match list(words):
        case ["install"]:
            install()
        case ["up"]:
            Bed().up()
        case ["down"]:
            Bed().down()
        case ["can"]:
            if why := lacking():
                print(f"Left out: the tests on a real scheduler; {why}.")
                return 3
        case ["with", "--plain", *command] | ["with", *command] if command:
            bed = Bed(managed=words[1] != "--plain")
            try:
                bed.up()
                return subprocess.run(command, check=False).returncode
            finally:
                bed.down()
        case _:
            print("python -m tests.slurm install | up | down | can | with [--plain] COMMAND…", file=sys.stderr)
            return 2
    return 0
