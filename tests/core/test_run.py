from datetime import timedelta

from bot.core.doubt import Doubt, Outage, Puzzle
from bot.core.money import Rate
from bot.core.posted import Posted
from bot.core.progress import Progress
from bot.core.seen import Job
from bot.core.status import Reason, Status
from tests.builders import NOON, a_run, at, launching, running, up


def test_the_first_wish_to_stop_counts() -> None:
    run = a_run().stop_requested("U0BEN", NOON).stop_requested("U0LEA", at(5))
    assert (run.stop_requested_by, run.stop_requested_at) == ("U0BEN", NOON)


def test_a_run_that_is_over_is_not_stopped() -> None:
    assert running().stopping(Reason.FAILED, None, NOON).stop_requested("U0BEN", NOON).stop_requested_by is None


def test_the_first_reason_stands() -> None:
    run = running().stopping(Reason.FAILED, "code 3", NOON).stopping(Reason.STOPPED, None, at(5))
    assert (run.reason, run.detail, run.over_at) == (Reason.FAILED, "code 3", NOON)


def test_a_job_that_is_seen_to_run_makes_the_run_running_once() -> None:
    run = launching().looked(up(Job.SETTING_UP), at(1)).looked(up(), at(2)).looked(up(), at(3))
    assert (run.status, run.running_at) == (Status.RUNNING, at(2))
    over = run.stopping(Reason.STOPPED, None, at(4)).looked(up(), at(5))
    assert over.status is Status.STOPPING


def test_it_bills_from_the_first_ask_until_it_is_seen_to_be_gone() -> None:
    run = a_run(rate=Rate(3600.0, "x"))
    assert run.cost(at(50)) == 0
    asked = run.asked(at(10)).asked(at(20))
    assert asked.cost(at(50)) == 40
    ended = asked.stopping(Reason.STOPPED, None, at(60)).ended(Reason.STOPPED, at(100))
    assert ended.cost(at(9999)) == 90


def test_without_a_price_the_cost_is_unknown_not_zero() -> None:
    assert running(rate=None).cost(at(100)) is None


def test_the_lease_runs_from_the_first_ask() -> None:
    assert a_run().lease_ends_at is None
    assert a_run(lease=timedelta(hours=1)).asked(NOON).asked(at(50)).lease_ends_at == at(3600)


def test_a_puzzle_is_solved_by_a_sight() -> None:
    doubted = running().doubted(Doubt(Puzzle.ABSENT, at(1), at(2)))
    assert doubted.looked(up(), at(3)).doubt is None


def test_an_outage_has_one_begin_and_one_end() -> None:
    run = running().unseen(at(1)).unseen(at(2))
    assert run.outage == Outage(at(1))
    assert run.looked(up(), at(3)).looked(up(), at(4)).outage == Outage(at(1), at(3))


def test_a_message_of_unknown_fate_is_found_or_said_again() -> None:
    doubtful = running().said("ended", Posted(None, "d", "", NOON))
    assert doubtful.found("ended", "1.2").posted["ended"].ts == "1.2"
    assert "ended" not in doubtful.unsaid("ended").posted


def test_progress_is_what_the_log_told_last() -> None:
    assert running().progressed(Progress(step=3), at(1)).progress.step == 3
