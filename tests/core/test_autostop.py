"""One change of an autostop is one mending, however often it is tried, and nobody is named for what the bot did."""

from bot.core.autostop import Setting
from bot.core.run import Run
from tests.builders import NOON, at, running, up


def cancelled(run: Run, seconds: float, setting: Setting) -> Run:
    """Found cancelled then, and set again."""
    return run.mending_autostop(None, at(seconds)).autostop_set(setting)


GUARDED = running(autostop_asked=15, autostop_minutes=15)


def test_a_change_that_takes_several_tries_keeps_its_beginning_and_who_made_it() -> None:
    run = cancelled(GUARDED, 0, Setting("one", "ben"))
    run = cancelled(run.looked(up(), at(30)), 60, Setting("two"))
    assert run.mending
    assert (run.mending.since, run.mending.tried_at, run.mending.was_set) == (NOON, at(60), True)
    assert run.mending.setting == Setting("two", "ben")
    assert not run.mending.over


def test_the_next_change_begins_anew_and_knows_the_bots_own_setting() -> None:
    run = cancelled(GUARDED, 0, Setting("one", "ben"))
    assert run.watched.autostop_request == "one"
    run = run.looked(up(autostop_minutes=15), at(30))
    assert run.mending
    assert run.mending.mended_at == at(30)
    run = run.mending_autostop(None, at(90))
    assert run.mending
    assert (run.mending.since, run.mending.setting, run.mending.was_set) == (at(90), None, True)
    assert run.watched.autostop_request == "one"


def test_one_that_was_never_seen_set_was_not_cancelled() -> None:
    run = cancelled(running(autostop_asked=15), 0, Setting("one"))
    assert run.mending
    assert not run.mending.was_set


def test_one_that_was_refused_stays_so() -> None:
    run = GUARDED.mending_autostop(None, NOON).autostop_refused("It cannot.")
    assert run.mending
    assert run.mending.over
    assert run.looked(up(), at(60)).mending == run.mending
