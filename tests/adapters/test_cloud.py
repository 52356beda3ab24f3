"""The contract of a cloud, kept by the double and by real processes alike; and by whatever cloud comes next."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot.adapters.local.cloud import LocalCloud
from bot.adapters.local.places import Place
from bot.adapters.local.processes import marked
from bot.core.order import Order, Watched
from bot.core.seen import Cluster, Ending, Job, Seen
from bot.ports import Cloud
from tests.doubles.cloud import FakeCloud
from tests.waiting import eventually


class Bed(Protocol):
    """A cloud, and a hand on what its jobs do."""

    @property
    def cloud(self) -> Cloud: ...
    def launch(self, name: str, nodes: int = 1) -> None: ...
    def print(self, name: str, *lines: str) -> None: ...
    def finish(self, name: str, job: Job) -> None: ...
    def autostop(self, name: str) -> None: ...
    def jobs_started(self, name: str) -> int: ...


class FakeBed:
    def __init__(self) -> None:
        self.cloud = FakeCloud()

    def launch(self, name: str, nodes: int = 1) -> None:
        self.cloud.launch(Order(name, {"num_nodes": nodes}))

    def print(self, name: str, *lines: str) -> None:
        self.cloud.print(name, *(f"(job, pid=1) {line}" for line in lines))

    def finish(self, name: str, job: Job) -> None:
        errors = {Job.FAILED: "`run` failed on node 0 with exit code 3.", Job.SUCCEEDED: None}
        self.cloud.finish(name, job, errors[job])

    def autostop(self, name: str) -> None:
        self.cloud.vanish(name, Ending.AUTODOWNED)

    def jobs_started(self, name: str) -> int:
        return self.cloud.launches.count(name)


class LocalBed:
    """Jobs that do what is written into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cloud = LocalCloud(folder / "local", secrets={}, minute_seconds=0.05, grace_seconds=1)

    def launch(self, name: str, nodes: int = 1) -> None:
        orders = self.folder / name
        orders.mkdir(exist_ok=True)
        script = f"""
            cd {orders}; echo >> started; touch say
            tail -f -n +1 say & teller=$!
            until [ -e finish ]; do sleep 0.02; done
            sleep 0.1; kill $teller; exit "$(cat finish)"
        """
        autostop = {"idle_minutes": 10_000, "down": True}
        task: dict[str, Any] = {"name": "job", "num_nodes": nodes, "run": script, "resources": {"autostop": autostop}}
        self.cloud.launch(Order(name, task))

    def print(self, name: str, *lines: str) -> None:
        with (self.folder / name / "say").open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def finish(self, name: str, job: Job) -> None:
        draft = self.folder / name / "draft"
        draft.write_text({Job.SUCCEEDED: "0", Job.FAILED: "3"}[job])
        draft.rename(self.folder / name / "finish")

    def autostop(self, name: str) -> None:
        """The bed's minutes are short, so it need only be waited for."""

    def jobs_started(self, name: str) -> int:
        return len((self.folder / name / "started").read_text().splitlines())

    def stop(self) -> None:
        for state in (self.folder / "local" / "clusters").glob("*"):
            self.cloud.down(Watched(state.name))
            place = Place(self.folder / "local", state.name)
            eventually(lambda place=place: not place.folder.exists() and not marked(place.marker))  # type: ignore[misc]


@pytest.fixture(params=["fake", pytest.param("local", marks=pytest.mark.slow)])
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    if request.param == "fake":
        yield FakeBed()
    else:
        local = LocalBed(tmp_path)
        yield local
        local.stop()


def look(bed: Bed, name: str) -> Seen:
    return bed.cloud.observe([Watched(name)])[name]


def until(bed: Bed, name: str, holds: Callable[[Seen], Any]) -> Seen:
    eventually(lambda: holds(look(bed, name)))
    return look(bed, name)


def test_a_name_that_nobody_asked_for_shows_nothing(bed: Bed) -> None:
    assert look(bed, "verl-x") == Seen()


def test_a_launched_cluster_comes_up_and_its_job_runs(bed: Bed) -> None:
    bed.launch("verl-x")
    seen = until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    assert (seen.cluster, seen.job_id, seen.error, seen.ending) == (Cluster.UP, 1, None, None)
    assert seen.infra
    assert seen.autostop_minutes is not None


def test_two_orders_of_one_name_are_one_cluster_and_one_job(bed: Bed) -> None:
    bed.launch("verl-x")
    bed.launch("verl-x")
    until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    bed.launch("verl-x")
    bed.finish("verl-x", Job.SUCCEEDED)
    until(bed, "verl-x", lambda seen: seen.job is Job.SUCCEEDED)
    assert bed.jobs_started("verl-x") == 1


def test_a_job_that_ends_well_leaves_its_cluster_standing(bed: Bed) -> None:
    bed.launch("verl-x")
    until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    bed.finish("verl-x", Job.SUCCEEDED)
    assert until(bed, "verl-x", lambda seen: seen.job and seen.job.over).cluster is Cluster.UP


def test_a_job_that_fails_says_where_and_how(bed: Bed) -> None:
    bed.launch("verl-x")
    until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    bed.finish("verl-x", Job.FAILED)
    seen = until(bed, "verl-x", lambda seen: seen.job and seen.job.over)
    assert (seen.job, seen.error) == (Job.FAILED, "`run` failed on node 0 with exit code 3.")


def test_a_removed_cluster_is_gone_and_says_so(bed: Bed) -> None:
    bed.launch("verl-x")
    until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    bed.cloud.down(Watched("verl-x"))
    seen = until(bed, "verl-x", lambda seen: seen.cluster is Cluster.ABSENT)
    assert (seen.ending, seen.job, seen.nothing) == (Ending.DOWNED, None, True)


def test_removing_what_is_gone_or_never_was_is_no_error(bed: Bed) -> None:
    bed.launch("verl-x")
    for _ in range(2):
        bed.cloud.down(Watched("verl-x"))
        until(bed, "verl-x", lambda seen: seen.cluster is Cluster.ABSENT)
    bed.cloud.down(Watched("verl-never"))
    assert look(bed, "verl-never").nothing


def test_a_name_that_is_gone_is_never_launched_again(bed: Bed) -> None:
    bed.launch("verl-x")
    until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    bed.cloud.down(Watched("verl-x"))
    until(bed, "verl-x", lambda seen: seen.ending)
    bed.launch("verl-x")
    assert look(bed, "verl-x").nothing
    assert bed.jobs_started("verl-x") == 1


def test_an_idle_cluster_removes_itself_and_says_so(bed: Bed) -> None:
    bed.launch("verl-x")
    until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    bed.finish("verl-x", Job.SUCCEEDED)
    if isinstance(bed, LocalBed):  # ten thousand minutes are long even here
        bed.cloud.down(Watched("verl-x"))
        short = {"run": "true", "resources": {"autostop": {"idle_minutes": 1, "down": True}}}
        bed.cloud.launch(Order("verl-y", short))
    else:
        bed.launch("verl-y")
        bed.autostop("verl-y")
    assert until(bed, "verl-y", lambda seen: seen.cluster is Cluster.ABSENT).ending is Ending.AUTODOWNED


def test_the_log_is_read_from_its_end_with_prefixes(bed: Bed) -> None:
    bed.launch("verl-x")
    until(bed, "verl-x", lambda seen: seen.job is Job.RUNNING)
    bed.print("verl-x", "one", "two", "three")
    eventually(lambda: "three" in bed.cloud.tail(Watched("verl-x"), 2))
    text = bed.cloud.tail(Watched("verl-x"), 2)
    lines = text.splitlines()
    assert [line.rsplit(maxsplit=1)[1] for line in lines] == ["two", "three"]
    assert all("pid=" in line for line in lines)


def test_the_log_of_what_is_not_there_is_empty(bed: Bed) -> None:
    assert bed.cloud.tail(Watched("verl-x"), 10) == ""


def test_many_clusters_are_seen_in_one_look(bed: Bed) -> None:
    bed.launch("verl-a")
    bed.launch("verl-b")
    names = ["verl-a", "verl-b", "verl-c"]
    seen = bed.cloud.observe([Watched(name) for name in names])
    assert set(seen) == set(names)
    assert (seen["verl-a"].nothing, seen["verl-c"].nothing) == (False, True)
