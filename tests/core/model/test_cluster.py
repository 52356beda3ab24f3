"""One change of an autostop is one mending, however often it is tried, and nobody is named for what the bot did."""

from dataclasses import replace

from bot.core.model.cluster import AutostopSetting
from bot.core.model.run import Run
from tests.builders import NOON, at, running, up


def cancelled(run: Run, seconds: float, setting: AutostopSetting) -> Run:
    """Found cancelled then, and set again."""
    run = run.begin_autostop_repair(None, at(seconds))
    return replace(run, observed=run.observed.record_autostop_setting(setting))


GUARDED = running(requested_autostop_minutes=15, autostop_minutes=15)


def test_a_change_that_takes_several_tries_keeps_its_beginning_and_who_made_it() -> None:
    run = cancelled(GUARDED, 0, AutostopSetting("one", "ben"))
    run = cancelled(run.record_observation(up(), at(30)), 60, AutostopSetting("two"))
    assert run.observed.autostop_repair
    assert (
        run.observed.autostop_repair.since,
        run.observed.autostop_repair.tried_at,
        run.observed.autostop_repair.was_set,
    ) == (
        NOON,
        at(60),
        True,
    )
    assert run.observed.autostop_repair.setting == AutostopSetting("two", "ben")
    assert not run.observed.autostop_repair.is_finished


def test_the_next_change_begins_anew_and_knows_the_bots_own_setting() -> None:
    run = cancelled(GUARDED, 0, AutostopSetting("one", "ben"))
    assert run.cluster_ref.autostop_request_id == "one"
    run = run.record_observation(up(autostop_minutes=15), at(30))
    assert run.observed.autostop_repair
    assert run.observed.autostop_repair.repaired_at == at(30)
    run = run.begin_autostop_repair(None, at(90))
    assert run.observed.autostop_repair
    assert (
        run.observed.autostop_repair.since,
        run.observed.autostop_repair.setting,
        run.observed.autostop_repair.was_set,
    ) == (
        at(90),
        None,
        True,
    )
    assert run.cluster_ref.autostop_request_id == "one"


def test_one_that_was_never_seen_set_was_not_cancelled() -> None:
    run = cancelled(running(requested_autostop_minutes=15), 0, AutostopSetting("one"))
    assert run.observed.autostop_repair
    assert not run.observed.autostop_repair.was_set


def test_one_that_was_refused_stays_so() -> None:
    cluster = GUARDED.observed.begin_autostop_repair(None, 15, NOON).record_autostop_refusal("It cannot.")
    assert cluster.autostop_repair
    assert cluster.autostop_repair.is_finished
    assert cluster.record_observation(up(), 15, at(60)).autostop_repair == cluster.autostop_repair
