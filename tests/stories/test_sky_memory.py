"""A real API server of SkyPilot's, without any cloud, whose database is deleted and put back."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import move

import httpx
import psutil
import pytest

from bot.adapters.sky.sdk_worker import SdkWorker
from bot.adapters.sky.sky_cloud import SkyCloud
from bot.core.model.cluster import ClusterState, Observation, is_forgotten
from bot.core.model.launch_plan import ClusterRef
from tests.adapters.beds import client_environment
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.timeout(1200)]  # a server starts four times

START_SECONDS = 120
"""It takes 7 s where nothing else runs."""

RECORD = """
import sky
from sky import clouds, global_user_state
from sky.backends import CloudVmRayResourceHandle
machines = sky.Resources(cloud=clouds.Kubernetes(), region="nowhere", instance_type="1CPU--1GB")
handle = CloudVmRayResourceHandle(
    cluster_name="verl-x", cluster_name_on_cloud="verl-x-1", cluster_yaml=None, launched_nodes=1,
    launched_resources=machines,
)
global_user_state.add_or_update_cluster("verl-x", handle, {machines}, ready=True, is_launch=True)
"""
"""A cluster as SkyPilot's own code records it, of which there are no machines."""


def free_ports(count: int) -> list[int]:
    with_sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in with_sockets]
    for one in with_sockets:
        one.close()
    return ports


class Server:
    """The server with its database, in a folder."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.home = home
        self.port, self._metrics_port = free_ports(2)
        self.environment = client_environment(home, f"http://127.0.0.1:{self.port}")
        # Its queue listens on a port that follows from this one, and may be another server's otherwise.
        self.environment["SKYPILOT_API_SERVER_LOCAL_PORT"] = str(self.port)

    def start(self) -> None:
        ports = ["--port", str(self.port), "--metrics-port", str(self._metrics_port)]
        with (self.home / "server.log").open("ab") as log:
            command = [sys.executable, "-m", "sky.server.server", *ports]
            self._process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self._answers, lambda: (self.home / "server.log").read_text()[-2000:], START_SECONDS, 0.2)

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}/api/health", timeout=5).status_code == 200
        return False

    def kill(self) -> None:
        """With its workers, which would outlive it."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("HOME") == str(self.home):
                    process.send_signal(signal.SIGKILL)
        self._process.wait(20)

    def restart(self) -> None:
        self.kill()
        self.start()

    def record(self) -> None:
        """Record a cluster."""
        subprocess.run([sys.executable, "-c", RECORD], env=self.environment, check=True)

    def databases(self, there: Path, back: Path) -> None:
        """Move the files of the database away, and those of another back; none where there are none."""
        there.mkdir(exist_ok=True)
        for file in [*(self.home / ".sky").glob("state.db*")]:
            move(file, there)
        for file in back.glob("state.db*"):
            move(file, self.home / ".sky")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "server")
    found.start()
    yield found
    found.kill()


def test_only_a_restart_without_its_database_makes_it_forget(server: Server, tmp_path: Path) -> None:
    (tmp_path / "client").mkdir()
    worker = SdkWorker(
        client_environment(tmp_path / "client", f"http://127.0.0.1:{server.port}"), seconds=300
    )  # a database is made anew, on a machine that does much else
    cloud = SkyCloud(worker, lambda: datetime.now(UTC), secrets={})
    x, never = ClusterRef("verl-x"), ClusterRef("verl-never")

    def look(watched: ClusterRef) -> Observation:
        return cloud.observe([watched])[watched.cluster]

    try:
        server.record()
        first = look(never).server
        cluster_id = look(x).cluster_id
        assert first
        assert [one.id for one in cloud.list_clusters()] == [cluster_id]

        server.restart()
        assert (look(x).cluster, look(x).cluster_id, look(never).server) == (ClusterState.UP, cluster_id, first)

        server.kill()
        server.databases(there=tmp_path / "first", back=tmp_path / "none")
        server.start()
        lost = look(x)
        assert (lost.is_empty, lost.ending) == (True, None)
        assert lost.server not in ("", first)
        assert is_forgotten(True, first, lost)
        assert is_forgotten(False, first, lost)  # as of a launch that no look has shown
        assert (list(cloud.list_clusters()), list(cloud.find_gone_clusters([cluster_id]))) == ([], [])

        server.kill()
        server.databases(there=tmp_path / "second", back=tmp_path / "first")
        server.start()
        assert (look(x).cluster, look(x).cluster_id, look(never).server) == (ClusterState.UP, cluster_id, first)
    finally:
        cloud.stop()
