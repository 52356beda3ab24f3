"""What must hold after every schedule."""

from collections import Counter
from collections.abc import Callable, Iterator

from bot.core.model.run_state import Reason, RunStatus
from tests.simulation.disks import MODEL
from tests.simulation.robot import APPROVED_ABOVE, DOLLARS_OF_A_MONTH, RUNS_OF_A_PERSON
from tests.simulation.schedule import GRACE_SECONDS, Schedule
from tests.story import texts_in

LEDGER_DOLLARS = 0.11
"""By which a run's cost may differ from SkyPilot's own: a minute of three nodes; of more, their minute."""

CENT = 0.01

CLOCK_SECONDS = 5.0
"""By which the bot's time may be ahead of the true time."""


def find_broken(schedule: Schedule) -> list[str]:
    """Return the broken promises, each with the run or the cluster."""
    return [f"{name}: {what}" for name, check in PROMISES.items() for what in check(schedule)]


def no_run_is_lost(schedule: Schedule) -> Iterator[str]:
    runs = schedule.list_runs()
    for run_id in schedule.account.accepted_at:
        if run_id not in runs and run_id not in schedule.account.lost_with_it:
            yield f"{run_id} is not in the store"
    for run in runs.values():
        if run.status is not RunStatus.ENDED or run.reason is None:
            yield f"{run.id} is {run.status}"


def none_is_launched_twice(schedule: Schedule) -> Iterator[str]:
    for cluster, times in schedule.world.launched.items():
        own = times - schedule.account.strangers.get(cluster, 0)
        is_cut_off = schedule.account.store_was_set_back and cluster.removeprefix("verl-") in schedule.account.cut_off
        if own > 1 and not is_cut_off:
            yield f"{cluster} has {own} jobs"


def no_cluster_is_left(schedule: Schedule) -> Iterator[str]:
    said = "\n".join(read_all(schedule))
    cut_off = schedule.account.cut_off if schedule.account.store_was_set_back else ()
    for name in schedule.world.standing():
        if name.removeprefix("verl-") in cut_off:  # neither the store nor a server that answers has heard of it
            continue
        if name not in said or name in {f"verl-{run}" for run in schedule.list_runs()}:
            yield f"{name} is up"
    for run in schedule.account.ended_early:
        if run not in schedule.account.cut_off:
            yield f"{run} was called ended while its cluster was up"


def each_end_is_posted_once(schedule: Schedule) -> Iterator[str]:
    if schedule.account.set_back_unseen:  # a machine that never knew the store takes the old state for the only one
        return
    ends = count_messages(schedule)
    for run in schedule.list_runs().values():
        # Of a request that was never granted, the card says how it ended.
        was_requested_only = run.approval is not None and run.launch.first_requested_at is None
        for key in ("card",) if was_requested_only else ("card", "ended"):
            if (times := ends[run.id, key]) != 1:
                yield f"{run.id} has {times} messages {key!r}"


def each_request_is_answered(schedule: Schedule) -> Iterator[str]:
    yield from schedule.account.unanswered


def no_budget_is_exceeded(schedule: Schedule) -> Iterator[str]:
    for cluster, seconds in schedule.account.overspent.items():
        if seconds > GRACE_SECONDS:
            yield f"{cluster} cost more than its budget for {seconds:.0f} s"


def no_lease_is_exceeded(schedule: Schedule) -> Iterator[str]:
    for cluster, seconds in schedule.account.outlived.items():
        if seconds > GRACE_SECONDS:
            yield f"{cluster} was up after its lease for {seconds:.0f} s"


def no_limit_ends_a_run_early(schedule: Schedule) -> Iterator[str]:
    """Check by true time that a lease or a budget may have been used up when its end was posted."""
    rate = schedule.world.dollars_per_node_hour / 3600
    ends = {run: at for (run, key), at in find_first_messages(schedule).items() if key == "ended"}
    for run in schedule.list_runs().values():
        if run.id not in schedule.account.accepted_at or run.id not in ends or schedule.account.store_was_set_back:
            continue  # what was posted may be the end of a life that the store has lost
        lived = ends[run.id] - schedule.account.accepted_at[run.id]
        if run.reason is Reason.LEASE_EXPIRED and lived < run.limits.lease.total_seconds() - CLOCK_SECONDS:
            yield f"{run.id} ended by its lease within {lived:.0f} s"
        if run.reason is Reason.BUDGET_EXCEEDED and lived * rate * run.plan.nodes < run.limits.budget_dollars - CENT:
            yield f"{run.id} ended by its budget within {lived:.0f} s"


def no_launch_without_an_approval(schedule: Schedule) -> Iterator[str]:
    """Check the launches that cost more than the policy lets a person launch alone."""
    runs = schedule.list_runs()
    for cluster in schedule.world.launched:
        run = runs.get(cluster.removeprefix("verl-"))
        if run is None or run.id in schedule.account.approved:
            continue
        dollars = schedule.world.dollars_per_node_hour * run.plan.nodes * run.limits.lease.total_seconds() / 3600
        if dollars > APPROVED_ABOVE or (run.approval and not run.approval.granted):
            yield f"{run.id} was launched"


def no_cap_is_exceeded(schedule: Schedule) -> Iterator[str]:
    """Check what was reserved at once; a store that was set back has forgotten some of it."""
    if schedule.account.store_was_set_back:
        return
    if (dollars := schedule.account.most_dollars) > DOLLARS_OF_A_MONTH + LEDGER_DOLLARS:
        yield f"${dollars:.2f} were spent and reserved"
    if (runs := schedule.account.most_runs) > RUNS_OF_A_PERSON:
        yield f"a person had {runs} runs"


def no_healthy_run_is_removed(schedule: Schedule) -> Iterator[str]:
    yield from schedule.account.removed


def one_request_makes_one_run(schedule: Schedule) -> Iterator[str]:
    if schedule.account.store_was_set_back:
        return
    for runs in schedule.account.by_delivery.values():
        if len(runs) > 1:
            yield ", ".join(sorted(runs))
    if (found := len(schedule.list_runs())) > (asked := len(schedule.account.launches)):
        yield f"{found} runs of {asked} requests"


def the_ledger_is_right(schedule: Schedule) -> Iterator[str]:
    """Check the ledger against the runs' own costs, and these against SkyPilot's."""
    runs = schedule.list_runs()
    spent = schedule.bot.store.get_ledger().spent_dollars
    recorded = sum(dollars for key, dollars in spent.items() if key.endswith("workspace"))
    costs = {run.id: run.cost(run.closed_at) or 0.0 for run in runs.values() if run.closed_at}
    if abs(recorded - sum(costs.values())) > CENT:
        yield f"${recorded:.3f} instead of ${sum(costs.values()):.3f}"
    true = schedule.sum_costs()
    for run_id, dollars in costs.items():
        known = true.get(run_id, 0.0)
        if run_id in schedule.account.cut_off or runs[run_id].observed.memory.confirmed_gone_by:
            continue
        if run_id in true and known <= CENT:  # a bill of 0 is none
            continue
        minute = schedule.world.dollars_per_node_hour * runs[run_id].plan.nodes / 60
        most = (
            max(LEDGER_DOLLARS, 1.1 * minute) if run_id in true else CENT
        )  # a run that never had a cluster costs nothing
        if abs(dollars - known) > most:
            yield f"{run_id} cost ${dollars:.3f} instead of ${known:.3f}"


def no_whole_model_is_called_lost(schedule: Schedule) -> Iterator[str]:
    """Check what the bot says about runs whose newest model is whole on its disk, and that a model was fetched."""
    for run in schedule.list_runs().values():
        notes = schedule.folder.glob(f"{run.id}/global_step_*.json")
        fetched = max((int(note.stem.rpartition("_")[2]) for note in notes), default=0)
        said = "\n".join(read_all(schedule, run.id))
        if fetched and any(f"step-{fetched} checkpoint {word}" in said for word in ("was lost", "is lost")):
            yield f"{run.id}, step {fetched}"


def no_torn_model_is_called_whole(schedule: Schedule) -> Iterator[str]:
    """Check the files of each model that the bot has noted as complete, and what it says of those that are torn."""
    for note in schedule.folder.glob("*/global_step_*.json"):
        run_id, step = note.parent.name, int(note.stem.rpartition("_")[2])
        files = schedule.disks.kept.get(f"verl-{run_id}", {}).get(step, {})
        there = {file.name: file.read_bytes() for file in note.with_suffix("").glob("*.json")}
        if files != MODEL or there != MODEL:
            yield f"{run_id}, step {step}, is noted"
    for cluster, steps in schedule.disks.kept.items():
        said = "\n".join(read_all(schedule, cluster.removeprefix("verl-")))
        for step, files in steps.items():
            if files != MODEL and f"Downloaded the step-{step} checkpoint" in said:
                yield f"{cluster}, step {step}, is said to be downloaded"


def no_job_fails(schedule: Schedule) -> Iterator[str]:
    yield from schedule.outside.failures
    for robot in schedule.robots.values():
        yield from robot.scheduler.failures


def count_messages(schedule: Schedule) -> Counter[tuple[str, str]]:
    """Return how often Slack shows each message of each run, by the run and the message's key."""
    found: Counter[tuple[str, str]] = Counter()
    for message in schedule.slack.messages():
        payload = (message.metadata or {}).get("event_payload") or {}
        for key in str(payload.get("keys") or "").split(","):
            found[str(payload.get("run")), key] += 1
    return found


def find_first_messages(schedule: Schedule) -> dict[tuple[str, str], float]:
    """Return when Slack took the first of each message of each run, in Unix seconds."""
    found: dict[tuple[str, str], float] = {}
    for message in schedule.slack.messages():
        payload = (message.metadata or {}).get("event_payload") or {}
        for key in str(payload.get("keys") or "").split(","):
            found.setdefault((str(payload.get("run")), key), float(message.ts))
    return found


def read_all(schedule: Schedule, run: str | None = None) -> Iterator[str]:
    """Yield what people read of all messages, or of those of one run."""
    for message in schedule.slack.messages():
        if run is not None and ((message.metadata or {}).get("event_payload") or {}).get("run") != run:
            continue
        yield message.text
        yield from (text for block in message.all_blocks for text in texts_in(block))


PROMISES: dict[str, Callable[[Schedule], Iterator[str]]] = {
    "no run is lost": no_run_is_lost,
    "no run is launched twice": none_is_launched_twice,
    "no cluster is left": no_cluster_is_left,
    "each end is posted once": each_end_is_posted_once,
    "each request is answered": each_request_is_answered,
    "no budget is exceeded": no_budget_is_exceeded,
    "no lease is exceeded": no_lease_is_exceeded,
    "no limit ends a run early": no_limit_ends_a_run_early,
    "no launch without an approval": no_launch_without_an_approval,
    "no cap is exceeded": no_cap_is_exceeded,
    "no healthy run is removed": no_healthy_run_is_removed,
    "one request makes one run": one_request_makes_one_run,
    "the ledger is right": the_ledger_is_right,
    "no whole model is called lost": no_whole_model_is_called_lost,
    "no torn model is called whole": no_torn_model_is_called_whole,
    "no job of the bot fails": no_job_fails,
}
