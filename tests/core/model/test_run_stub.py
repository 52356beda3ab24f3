"""The stub of a run: it has what ends the run, without its record."""

from bot.core.model.run_stub import RunStub
from tests.builders import at, running

WAITS = RunStub(run_id="ppo-7f3a", requester="U0ANA")


def test_a_stub_has_what_ends_a_run() -> None:
    run = running(managed=True, thread_channel="D0ANA")
    stub = RunStub.from_run(run)
    assert (stub.cluster, stub.lease_end_time, stub.cluster_ref.is_managed) == (run.cluster, run.lease_ends_at, True)
    assert (stub.requester, stub.channel) == ("U0ANA", "D0ANA")
    assert stub.cost(at(1800)) == run.cost(at(1800)) == 2.0
    assert WAITS.cost(at(1800)) == 0.0
