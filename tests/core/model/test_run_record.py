"""What is derived from the record of a run: its cost, the end of its lease, what others see of it."""

from datetime import timedelta

from bot.core.model.money import Rate
from bot.core.model.run_state import Reason
from tests.builders import NOON, a_run, at, running


def test_it_bills_from_the_first_ask_until_it_is_seen_to_be_gone() -> None:
    run = a_run(rate=Rate(3600.0, "x"))
    assert run.cost(at(50)) == 0
    asked = run.record_launch_request(at(10)).record_launch_request(at(20))
    assert asked.cost(at(50)) == 40
    ended = asked.begin_teardown(Reason.STOPPED, None, at(60)).close(Reason.STOPPED, at(100))
    assert ended.cost(at(9999)) == 90


def test_without_a_price_the_cost_is_unknown_not_zero() -> None:
    assert running(rate=None).cost(at(100)) is None


def test_the_lease_runs_from_the_first_ask() -> None:
    assert a_run().lease_ends_at is None
    assert a_run(lease=timedelta(hours=1)).record_launch_request(NOON).record_launch_request(
        at(50)
    ).lease_ends_at == at(3600)
