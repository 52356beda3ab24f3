"""The contract of a cloud, kept by the fake, by local processes, and by SkyPilot on its double and on a scheduler."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState, is_forgotten
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.orphan import ListedCluster
from bot.core.model.rollout import (
    FilePart,
    FilePosition,
    RunFolder,
    SampleBatch,
    SampleOrder,
    SampleRequest,
    ScoreSpread,
)
from bot.errors import BeingStopped, ClusterNameInUse, IncompleteCheckpoint, Unavailable, UserError
from tests.adapters.beds import SAVED, Bed, DoubleBed, FakeBed, ForgetfulBed, LocalBed, ManagedBed, SlurmBed
from tests.slurm.bed import standing
from tests.waiting import eventually

DOUBLE = (pytest.mark.slow, pytest.mark.thorough)
BEDS = [
    "fake",
    pytest.param("local", marks=pytest.mark.slow),
    pytest.param("double", marks=DOUBLE),
    pytest.param("slurm", marks=pytest.mark.slurm),
]


@pytest.fixture(params=BEDS)
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    with ExitStack() as stack:
        found: Bed
        match request.param:
            case "fake":
                found = FakeBed()
            case "local":
                found = LocalBed(tmp_path)
            case "double":
                found = DoubleBed(tmp_path)
            case "slurm":
                found = SlurmBed(stack.enter_context(standing()), tmp_path)
        stack.callback(found.stop)
        yield found


def look(bed: Bed, name: str) -> Observation:
    return bed.cloud.observe([ClusterRef(name)])[name]


def until(bed: Bed, name: str | ClusterRef, holds: Callable[[Observation], Any]) -> Observation:
    """Look until it holds; what was seen then."""
    found: list[Observation] = []
    watched = ClusterRef(name, job_name="job") if isinstance(name, str) else name

    def seen() -> Any:
        with suppress(Unavailable):  # a busy server is no state of a cluster's
            found[:] = [one for one in [bed.cloud.observe([watched]).get(watched.cluster)] if one]
            return found and holds(found[0])

    eventually(seen, lambda: found, bed.seconds, bed.pause_seconds)
    return found[0]


def test_a_setup_that_fails_is_told_from_a_run_that_fails_and_its_idle_cluster_removes_itself(bed: Bed) -> None:
    bed.fail_setup(bed.x)
    assert until(bed, bed.x, lambda seen: seen.job and seen.job.is_finished).job is JobState.FAILED_SETUP
    bed.idle(bed.x)
    seen = until(bed, bed.x, lambda seen: seen.ending)
    assert seen.ending is Ending.AUTODOWNED or "its autostop removed it" in str(seen.error or "")


def test_of_a_name_that_nobody_asked_for_there_is_nothing(bed: Bed) -> None:
    assert replace(look(bed, bed.x), server="") == Observation()
    assert bed.cloud.tail_log(ClusterRef(bed.x), 10) == ""
    bed.cloud.tear_down(ClusterRef(bed.x))  # removing what never was is no error
    assert look(bed, bed.x).is_empty


def test_a_line_of_a_megabyte_comes_whole_and_a_line_of_the_clouds_own_kind_hides_no_other(bed: Bed) -> None:
    bed.launch(bed.x)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    metrics = "step:1 - " + " - ".join(f"a/{number:06}:0.5" for number in range(65_000))
    assert 900_000 < len(metrics) < 1_000_000
    forged = ["<sky-payload>" * 20_000, '<sky-payload>"<retry></retry>"</sky-payload>', "<sky-payload>{</sky-payload>"]
    bed.print(bed.x, "early", *forged, metrics, "late")
    eventually(lambda: bed.cloud.tail_log(ClusterRef(bed.x), 6).rstrip().endswith("late"), seconds=bed.seconds)
    lines = bed.cloud.tail_log(ClusterRef(bed.x), 6).splitlines()
    assert [line.rsplit(maxsplit=1)[-1] for line in (lines[0], lines[-1])] == ["early", "late"]
    assert lines[-2].endswith(metrics)
    bed.finish(bed.x, JobState.SUCCEEDED)
    bed.cloud.tear_down(ClusterRef(bed.x))
    until(bed, bed.x, lambda seen: seen.is_empty)


def test_a_life_from_the_order_to_the_proof_that_it_is_gone(bed: Bed) -> None:
    bed.launch(bed.x)
    bed.launch(bed.x)  # an order that is given twice is one order
    # A look asks for the cluster first and for its job later, so that the job may run while the autostop was not set.
    seen = until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING and seen.autostop_minutes is not None)
    assert (seen.cluster, seen.job_id, seen.error, seen.ending) == (ClusterState.UP, 1, None, None)
    assert seen.infra
    bed.launch(bed.x)

    bed.print(bed.x, "one", "two", "three")
    eventually(lambda: "three" in bed.cloud.tail_log(ClusterRef(bed.x), 2), seconds=bed.seconds)
    lines = bed.cloud.tail_log(ClusterRef(bed.x), 2).splitlines()
    assert [line.rsplit(maxsplit=1)[1] for line in lines] == ["two", "three"]
    assert all("pid=" in line for line in lines)

    bed.finish(bed.x, JobState.SUCCEEDED)
    assert until(bed, bed.x, lambda seen: seen.job and seen.job.is_finished).cluster is ClusterState.UP
    assert bed.jobs_started(bed.x) == 1

    bed.cloud.tear_down(ClusterRef(bed.x))
    seen = until(bed, bed.x, lambda seen: seen.ending)
    assert (seen.ending, seen.job, seen.is_empty) == (Ending.DOWNED, None, True)
    bed.cloud.tear_down(ClusterRef(bed.x))  # removing what is gone is no error
    bed.launch(bed.x)  # a name that is gone is never launched again
    for _ in range(3):
        assert until(bed, bed.x, lambda seen: seen.ending).is_empty
    assert bed.jobs_started(bed.x) == 1


def test_a_job_that_fails_leaves_its_cluster_standing(bed: Bed) -> None:
    bed.launch(bed.x)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    bed.finish(bed.x, JobState.FAILED)
    seen = until(bed, bed.x, lambda seen: seen.job and seen.job.is_finished)
    assert (seen.job, seen.cluster) == (JobState.FAILED, ClusterState.UP)


def test_a_removal_catches_a_launch_that_is_under_way_beside_another_that_goes_on(bed: Bed) -> None:
    bed.launch(bed.x)
    bed.launch(bed.y)
    names = [bed.x, bed.y, "verl-never"]
    seen = bed.cloud.observe([ClusterRef(name) for name in names])
    assert set(seen) == set(names)  # many clusters are seen in one look
    assert (seen[bed.x].is_empty, seen[bed.y].is_empty, seen["verl-never"].is_empty) == (False, False, True)
    bed.cloud.tear_down(ClusterRef(bed.x))
    until(bed, bed.x, lambda seen: seen.is_empty)
    until(bed, bed.y, lambda seen: seen.job is JobState.RUNNING)
    assert until(bed, bed.x, lambda seen: seen).is_empty  # and it stays away


def test_an_autostop_that_somebody_cancelled_is_set_again_and_he_is_named_once(bed: Bed) -> None:
    bed.launch(bed.x)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING and seen.autostop_minutes is not None)
    person = bed.cancel_autostop(bed.x)
    first = bed.cloud.set_autostop(ClusterRef(bed.x), 7)
    assert first.by == person
    until(bed, bed.x, lambda seen: seen.autostop_minutes == 7)
    again = bed.cloud.set_autostop(ClusterRef(bed.x, autostop_request_id=first.request_id), 8)
    assert again.by is None  # the last setting was the bot's own
    until(bed, bed.x, lambda seen: seen.autostop_minutes == 8)


def test_every_cluster_that_stands_is_listed_whoever_launched_it(bed: Bed) -> None:
    bed.launch(bed.x)
    bed.launch(bed.y, nodes=2)
    eventually(lambda: {bed.x, bed.y} <= listed(bed).keys(), seconds=bed.seconds, pause_seconds=bed.pause_seconds)
    until(bed, bed.y, lambda seen: seen.job is JobState.RUNNING)
    before = listed(bed)
    assert before[bed.y].status is ClusterState.UP
    assert before[bed.y].infra
    assert before[bed.x].id != before[bed.y].id
    bed.cloud.tear_down(ClusterRef(bed.x))
    eventually(lambda: bed.x not in listed(bed), seconds=bed.seconds, pause_seconds=bed.pause_seconds)
    assert listed(bed)[bed.y].id == before[bed.y].id


def test_a_checkpoint_is_fetched_from_every_node_once_it_is_there_and_what_it_links_to_is_not(bed: Bed) -> None:
    bed.launch(bed.x, nodes=2)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    checkpoint = bed.checkpoint(bed.x)
    with pytest.raises(UserError):
        fetched(bed, checkpoint)
    bed.save(bed.x)
    found = fetched(bed, checkpoint)
    assert found.folder.endswith(checkpoint.name)
    assert bed.fetched(found.folder) == SAVED
    assert fetched(bed, checkpoint) == found  # it is there, whatever becomes of its cluster
    assert bed.cloud.list_downloads(replace(checkpoint, name=bed.x)) == {4: found}
    assert bed.cloud.list_downloads(replace(checkpoint, name=bed.y)) == {}


def test_a_checkpoint_that_is_torn_is_not_fetched_and_is_nowhere_taken_for_a_model(bed: Bed) -> None:
    bed.launch(bed.x, nodes=2)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    checkpoint = bed.checkpoint(bed.x)
    bed.save(bed.x)
    assert bed.cloud.find_checkpoint_flaw(ClusterRef(bed.x), checkpoint) is None
    bed.tear(bed.x)
    assert bed.cloud.find_checkpoint_flaw(ClusterRef(bed.x), checkpoint)
    with pytest.raises(IncompleteCheckpoint):
        fetched(bed, checkpoint)
    assert bed.cloud.list_downloads(replace(checkpoint, name=bed.x)) == {}


def test_after_its_stop_a_cloud_begins_no_fetch_and_says_that_that_is_no_failure(bed: Bed) -> None:
    bed.launch(bed.x, nodes=2)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    checkpoint = bed.checkpoint(bed.x)
    bed.save(bed.x)
    bed.cloud.stop()
    with pytest.raises(BeingStopped):
        bed.cloud.download_checkpoint(ClusterRef(bed.x), checkpoint)


@pytest.mark.long
def test_a_job_that_is_ended_leaves_its_cluster_and_what_it_has_saved(bed: Bed) -> None:
    bed.launch(bed.x, nodes=2)
    seen = until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    checkpoint = bed.checkpoint(bed.x)
    shelf = replace(checkpoint, name=bed.x)
    watched = ClusterRef(bed.x, job_id=seen.job_id)
    assert bed.cloud.list_checkpoints(watched, shelf) == CheckpointListing()
    bed.save(bed.x)
    assert bed.cloud.list_checkpoints(watched, shelf) == CheckpointListing((4,), 4)
    bed.cloud.cancel_job(watched)
    bed.cloud.cancel_job(watched)  # a job that is over is no error
    seen = until(bed, bed.x, lambda seen: seen.job and seen.job.is_finished)
    assert (seen.job, seen.cluster) == (JobState.CANCELLED, ClusterState.UP)
    assert bed.cloud.list_checkpoints(watched, shelf) == CheckpointListing((4,), 4)
    bed.cloud.cancel_job(ClusterRef("verl-never", job_id=None))


def test_samples_of_a_step_are_read_where_they_are_and_the_newest_step_is_the_default(bed: Bed) -> None:
    bed.launch(bed.x, nodes=2)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    bed.checkpoint(bed.x)
    folder = RunFolder(CheckpointRef("~/models", f"{bed.x}/rollouts", 2))
    assert bed.cloud.read_samples(ClusterRef(bed.x), folder, SampleRequest()) == SampleBatch()
    for step in (3, 20):
        rows = [{"input": "6*7", "output": str(answer), "score": answer / 10, "step": step} for answer in range(9)]
        bed.write(bed.x, f"{bed.x}/rollouts/{step}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    newest = bed.cloud.read_samples(ClusterRef(bed.x), folder, SampleRequest(order=SampleOrder.BEST, count=2))
    assert (newest.step, newest.steps, newest.total) == (20, (3, 20), 9)
    assert [(sample.number, sample.answer, sample.score) for sample in newest.samples] == [(9, "8", 0.8), (8, "7", 0.7)]
    assert newest.scores == ScoreSpread(9, 0.0, newest.scores.mean if newest.scores else 0.0, 0.8)
    early = bed.cloud.read_samples(ClusterRef(bed.x), folder, SampleRequest(3, SampleOrder.WORST, 1))
    assert (early.step, [sample.answer for sample in early.samples]) == (3, ["0"])
    missing = bed.cloud.read_samples(ClusterRef(bed.x), folder, SampleRequest(4))
    assert (missing.step, missing.steps, missing.samples) == (None, (3, 20), ())


def test_of_a_file_of_metrics_only_new_complete_lines_are_read(bed: Bed) -> None:
    bed.launch(bed.x)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    bed.checkpoint(bed.x)
    folder, start = RunFolder(CheckpointRef("~/models", bed.x)), FilePosition()
    assert bed.cloud.read_new_metrics(ClusterRef(bed.x), folder, "metrics", start) == FilePart(start)
    bed.write(bed.x, f"{bed.x}/metrics-1.jsonl", '{"step":1}\n{"st')
    first = bed.cloud.read_new_metrics(ClusterRef(bed.x), folder, "metrics", start)
    assert first.text == '{"step":1}\n'
    assert bed.cloud.read_new_metrics(ClusterRef(bed.x), folder, "metrics", first.position).text == ""
    bed.write(bed.x, f"{bed.x}/metrics-1.jsonl", '{"step":1}\n{"step":2}\n')
    second = bed.cloud.read_new_metrics(ClusterRef(bed.x), folder, "metrics", first.position)
    assert (second.text, second.has_more) == ('{"step":2}\n', False)
    bed.write(bed.x, f"{bed.x}/metrics-2.jsonl", '{"step":1}\n')
    assert bed.cloud.read_new_metrics(ClusterRef(bed.x), folder, "metrics", second.position).text == '{"step":1}\n'


def test_a_program_is_asked_for_a_checkpoint_by_a_file_in_its_own_folder(bed: Bed) -> None:
    bed.launch(bed.x)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    bed.write(bed.x, f"{bed.x}/metrics-1.jsonl", "")
    folder = RunFolder(CheckpointRef("~/models", bed.x))
    for _ in range(2):  # a request that was not taken yet is no error
        bed.cloud.request_checkpoint(ClusterRef(bed.x), folder, "save-request")
    assert bed.has_file(bed.x, f"{bed.x}/save-request")


def test_rays_logs_are_read_where_they_are_those_of_named_processes_first(bed: Bed) -> None:
    bed.launch(bed.x)
    until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    bed.checkpoint(bed.x)
    folder = RunFolder(CheckpointRef("~/models", f"{bed.x}/ray"))
    assert list(bed.cloud.read_process_logs(ClusterRef(bed.x), folder, [52])) == []
    for number in (7, 52):
        name = f"worker-a{number}-01000000-{number}.err"
        bed.write(bed.x, f"{bed.x}/ray/session_latest/logs/{name}", f"KeyError: {number}\n")
    logs = bed.cloud.read_process_logs(ClusterRef(bed.x), folder, [52])
    assert [(log.node, log.pid, log.text) for log in logs] == [(0, 52, "KeyError: 52\n"), (0, 7, "KeyError: 7\n")]


def fetched(bed: Bed, checkpoint: CheckpointRef) -> DownloadProgress:
    """Ask until it is there."""
    found: list[DownloadProgress] = []

    def done() -> bool:
        found[:] = [bed.cloud.download_checkpoint(ClusterRef(bed.x), checkpoint)]
        return found[0].is_complete

    eventually(done, lambda: found, bed.seconds, bed.pause_seconds)
    return found[0]


def listed(bed: Bed) -> dict[str, ListedCluster]:
    return {one.name: one for one in bed.cloud.list_clusters()}


@pytest.fixture(params=["fake", pytest.param("double", marks=DOUBLE)])
def forgetful(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ForgetfulBed]:
    found: ForgetfulBed = FakeBed() if request.param == "fake" else DoubleBed(tmp_path)
    yield found
    found.stop()


def test_what_was_shown_is_absent_without_an_ending_only_where_the_memory_of_it_is_lost(
    forgetful: ForgetfulBed,
) -> None:
    bed = forgetful
    first = look(bed, "verl-never").server
    assert first
    bed.launch(bed.x)
    seen = until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    cluster_id = listed(bed)[bed.x].id
    assert seen.cluster_id == cluster_id
    assert list(bed.cloud.find_gone_clusters([cluster_id])) == []

    bed.restart()
    assert until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING).cluster_id == cluster_id
    assert look(bed, "verl-never").server == first

    bed.forget()
    lost = until(bed, bed.x, lambda seen: seen)
    assert (lost.is_empty, lost.ending, lost.cluster_id) == (True, None, "")
    assert lost.server not in ("", first)
    assert is_forgotten(True, first, lost)
    assert list(bed.cloud.list_clusters()) == []
    assert list(bed.cloud.find_gone_clusters([cluster_id])) == []
    bed.cloud.tear_down(ClusterRef(bed.x))  # which is no error, and removes nothing

    bed.remember()
    assert until(bed, bed.x, lambda seen: seen.job is JobState.RUNNING).cluster_id == cluster_id
    assert look(bed, "verl-never").server == first
    bed.cloud.tear_down(ClusterRef(bed.x))
    seen = until(bed, bed.x, lambda seen: seen.ending)
    assert (seen.ending, seen.cluster_id) == (Ending.DOWNED, cluster_id)
    assert list(bed.cloud.find_gone_clusters([cluster_id, "never"])) == [cluster_id]


MANAGED_BEDS = [pytest.param("double", marks=DOUBLE), pytest.param("slurm", marks=pytest.mark.slurm)]


@pytest.fixture(params=MANAGED_BEDS)
def managed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ManagedBed]:
    with ExitStack() as stack:
        found: ManagedBed = (
            DoubleBed(tmp_path) if request.param == "double" else SlurmBed(stack.enter_context(standing()), tmp_path)
        )
        stack.callback(found.stop)
        yield found


def test_a_cluster_of_the_name_that_another_bot_has_launched_is_not_taken_for_ours(managed: ManagedBed) -> None:
    def order(asked: str) -> LaunchOrder:
        resources = {"cpus": 1, "memory": 1, "infra": "slurm"}
        task = {"name": "job", "run": "sleep 600", "resources": resources, "_metadata": None}
        return LaunchOrder(managed.x, task, tags={"asked": asked})

    managed.cloud.launch(order("1"))
    until(managed, managed.x, lambda seen: seen.cluster is ClusterState.UP)
    managed.cloud.launch(order("1"))
    with pytest.raises(ClusterNameInUse, match="of another bot exists"):
        managed.cloud.launch(order("2"))


def until_managed(bed: ManagedBed, name: str, holds: Callable[[Observation], Any]) -> Observation:
    return until(bed, ClusterRef(name, launch_requested_at=datetime.now(UTC), is_managed=True), holds)


def test_a_managed_job_outlives_the_loss_of_its_machines_and_is_gone_when_its_controller_is_done(
    managed: ManagedBed,
) -> None:
    bed, watched = managed, ClusterRef(managed.x, launch_requested_at=datetime.now(UTC), is_managed=True)
    bed.launch_managed(bed.x)
    with suppress(Unavailable):  # what is being launched just now may be that very order
        bed.launch_managed(bed.x, again=True)
    seen = until_managed(bed, bed.x, lambda seen: seen.job is JobState.RUNNING)
    assert (seen.cluster, seen.recoveries, seen.recovering, seen.ending) == (ClusterState.UP, 0, False, None)
    assert seen.infra
    stands = [(name, one.is_managed) for name, one in listed(bed).items() if name.startswith(bed.x)]
    assert stands == [(bed.x, True)]  # the job; its cluster is its controller's

    bed.launch_managed(bed.x)  # an order that is given twice is one order
    eventually(lambda: bed.managed_started(bed.x) == 1, seconds=bed.seconds, pause_seconds=bed.pause_seconds)
    bed.lose(bed.x)
    assert until_managed(bed, bed.x, lambda seen: seen.recovering).request is RequestState.LIVE
    bed.recover(bed.x)
    seen = until_managed(bed, bed.x, lambda seen: seen.recoveries)
    assert (seen.job, seen.recovering) == (JobState.RUNNING, False)
    eventually(lambda: bed.managed_started(bed.x) == 2, seconds=bed.seconds, pause_seconds=bed.pause_seconds)

    bed.print_managed(bed.x, "one")
    eventually(lambda: bed.cloud.tail_log(watched, 2).rstrip().endswith("one"), seconds=bed.seconds)
    bed.finish_managed(bed.x, JobState.SUCCEEDED)
    seen = until_managed(bed, bed.x, lambda seen: seen.job and seen.job.is_finished)
    assert seen.job is JobState.SUCCEEDED
    seen = until_managed(bed, bed.x, lambda seen: seen.ending)
    assert (seen.ending, seen.is_empty, seen.keeps_log) == (Ending.DOWNED, True, True)
    assert bed.left(bed.x) == []
    assert "one" in bed.cloud.tail_log(watched, 2)  # its controller keeps the log
    assert seen.bill
    assert seen.bill.is_closed
    bed.launch_managed(bed.x)  # a name that is gone is never launched again
    assert until_managed(bed, bed.x, lambda seen: seen.ending).is_empty


def test_a_removal_cancels_a_managed_job_that_is_being_launched(managed: ManagedBed) -> None:
    bed = managed
    assert replace(until_managed(bed, bed.x, lambda seen: True), server="") == Observation()
    bed.launch_managed(bed.x)
    until_managed(bed, bed.x, lambda seen: seen.job_id)
    bed.cloud.tear_down(ClusterRef(bed.x, is_managed=True))
    bed.cloud.tear_down(ClusterRef(bed.x, is_managed=True))
    seen = until_managed(bed, bed.x, lambda seen: seen.ending)
    assert (seen.job, seen.is_empty) == (JobState.CANCELLED, True)
    assert bed.left(bed.x) == []
    assert bed.cloud.tail_log(ClusterRef(bed.x, is_managed=True), 5) == ""
