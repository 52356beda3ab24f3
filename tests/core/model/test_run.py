from bot.core.model.cluster import Ambiguity, JobState, Outage, PendingConfirmation
from bot.core.model.progress import Progress
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.sent_message import SentMessage
from tests.builders import NOON, a_run, at, launching, running, up


def test_the_first_wish_to_stop_counts() -> None:
    run = a_run().request_stop("U0BEN", NOON).request_stop("U0LEA", at(5))
    assert (run.requests.stop_requested_by, run.requests.stop_requested_at) == ("U0BEN", NOON)


def test_a_run_that_is_over_is_not_stopped() -> None:
    assert (
        running().begin_teardown(Reason.FAILED, None, NOON).request_stop("U0BEN", NOON).requests.stop_requested_by
        is None
    )


def test_the_first_reason_stands() -> None:
    run = running().begin_teardown(Reason.FAILED, "code 3", NOON).begin_teardown(Reason.STOPPED, None, at(5))
    assert (run.reason, run.detail, run.finished_at) == (Reason.FAILED, "code 3", NOON)


def test_a_job_that_is_seen_to_run_makes_the_run_running_once() -> None:
    run = (
        launching()
        .record_observation(up(JobState.SETTING_UP), at(1))
        .record_observation(up(), at(2))
        .record_observation(up(), at(3))
    )
    assert (run.status, run.running_at) == (RunStatus.RUNNING, at(2))
    over = run.begin_teardown(Reason.STOPPED, None, at(4)).record_observation(up(), at(5))
    assert over.status is RunStatus.STOPPING


def test_a_puzzle_is_solved_by_a_sight() -> None:
    doubted = running(pending_confirmation=PendingConfirmation(Ambiguity.ABSENT, at(1), at(2)))
    assert doubted.record_observation(up(), at(3)).observed.pending_confirmation is None


def test_an_outage_has_one_begin_and_one_end() -> None:
    cluster = running().observed.record_outage(at(1)).record_outage(at(2))
    assert cluster.outage == Outage(at(1))
    seen = cluster.record_observation(up(), None, at(3)).record_observation(up(), None, at(4))
    assert seen.outage == Outage(at(1), at(3))


def test_a_message_of_unknown_fate_is_found_or_said_again() -> None:
    doubtful = running().messages.record_sent("ended", SentMessage(None, "d", "", NOON))
    assert doubtful.record_sent("ended", SentMessage("1.2", "d", "", NOON)).sent["ended"].ts == "1.2"
    assert "ended" not in doubtful.record_lost("ended").sent


def test_progress_is_what_the_log_told_last() -> None:
    assert running().training.record_progress(Progress(step=3), at(1)).progress.step == 3
