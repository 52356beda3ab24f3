"""Guards of the bot, each taken away: what the simulator must notice."""

from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

from bot.adapters.redis.run_store import RunRecords
from bot.adapters.sky import sdk_clusters
from bot.adapters.sky.sdk_client import sdk_without_retries, translate_errors
from bot.core.frameworks import FRAMEWORK
from bot.core.model.orphan import Ownership
from bot.core.rules.actions import Close
from bot.core.rules.waiting_runs import decide_waiting
from bot.slack.inbound.background import respond_by_url
from bot.slack.outbound.run_notifier import RunNotifier
from tests.simulation.steps import Step


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bot without one of its guards.

    Attributes:
        guard: what is missing; promise: what is broken without it.
        steps: a schedule that notices it.
        patches: what replaces the guard, by its place.
    """

    guard: str
    promise: str
    steps: tuple[Step, ...] = field(repr=False)
    patches: Mapping[str, Any] = field(repr=False)


def launch_without_look(cluster: str, task: Any) -> str:
    """Request a cluster whatever trace the name has left."""
    valid = sdk_clusters.validate_task(task)
    with translate_errors():
        return str(sdk_without_retries().launch(valid, cluster_name=cluster))


def tear_down_without_cancel(cluster: str) -> None:
    """Request a removal, and leave a launch under way alone."""
    with translate_errors():
        sdk_without_retries().down(cluster)


def respond_without_fallback(respond: Any, thread: str | None = None, **_: Any) -> Any:
    """Return a responder that knows no other way than its URL."""
    return respond_by_url(respond, thread)


def begin_without_record(record: Any, _: Any) -> bool:
    """Send a message that was not recorded before."""
    return True


ADD = RunRecords.add


def add_without_delivery(records: RunRecords, run: Any, task: Any, delivery: Any, *rest: Any) -> Any:
    """Record a run without the delivery that asked for it."""
    return ADD(records, run, task, None, *rest)


def forget_first_post(messages: Any, key: str, _: Any) -> Any:
    """Record that a message is not in Slack, without when it was first sent."""
    return messages.record_lost(key)


INIT = RunNotifier.__init__


def begin_as_if_started(notifier: RunNotifier, *args: Any, **options: Any) -> None:
    """Begin without a look for what an earlier process has left unsent."""
    INIT(notifier, *args, **options)
    notifier._has_started = True


def believe_wall_clock(line: Any, reading: Any, _: float) -> Any:
    """Return the machine's time as the bot's."""
    return replace(line, time=reading.wall, elapsed=reading.elapsed)


def believe_record(run: Any, observation: Any, now: Any, timings: Any) -> Any:
    """Decide about a run that waits as if no store were ever set back."""
    return decide_waiting(run, observation, now, replace(timings, store_changed_at=None))


def without_flaws(framework: Any) -> Any:
    """Return the framework, which takes any files for a whole model."""
    return replace(framework, checkpoints=replace(framework.checkpoints, find_flaw=never))


def close(run: Any, *_: Any) -> Close:
    return Close(run.reason)


def never(*_: Any, **__: Any) -> None:
    """Return nothing."""


def is_first_request(run: Any, *_: Any) -> bool:
    return run.teardown.requested_at is None


def no_limits(*_: Any) -> list[str]:
    return []


QUICK = Step("pace", (1, 3, 4, 5, 3))
SLOW = Step("pace", (20, 21, 22, 23, 3))
LAUNCH = Step("launch", ("U0ANA", "launch smoke nodes=2"))
LONG_LEASE = Step("launch", ("U0ANA", "launch smoke nodes=1 budget=0.3 lease=1"))
SMALL_BUDGET = Step("launch", ("U0ANA", "launch smoke nodes=1 budget=0.03"))
SHORT_LEASE = Step("launch", ("U0ANA", "launch smoke nodes=3 lease=0.03"))
EXPENSIVE = Step("launch", ("U0ANA", "launch smoke nodes=5 budget=3"))
EXPENSIVE_BY_APPROVER = Step("launch", ("U0LEA", "launch smoke nodes=5 budget=3"))
STOP = Step("stop", (0, "U0ANA"))
WAIT = Step("wait", (40,))
SUCCEEDS = Step("job ends", (0, "SUCCEEDED"))
MINUTES = (Step("wait", (60,)),) * 4
SNAPSHOT, ROLL_BACK = Step("snapshot"), Step("roll back")
UP = (QUICK, LAUNCH, WAIT)
KILLED = (Step("kill", (0, 60)), Step("wait", (2,)))
LOST_POST = Step("slack", ("chat.postMessage", "lost", 1))

DECIDE, DOUBTFUL = "bot.core.rules.decide", "bot.slack.outbound.doubtful_messages"

MUTANTS = (
    Mutant("the end of a run removes its cluster", "no run is lost", (*UP, STOP), {f"{DECIDE}.decide_stopping": never}),
    Mutant(
        "a run has ended once its cluster is seen to be gone",
        "no cluster is left",
        (*UP, STOP),
        {f"{DECIDE}.decide_stopping": close},
    ),
    Mutant(
        "a launch looks for an earlier one",
        "no run is launched twice",
        (SLOW, LAUNCH, SNAPSHOT, Step("wait", (5,)), ROLL_BACK, WAIT),
        {"bot.adapters.sky.sdk_clusters.launch": launch_without_look},
    ),
    Mutant(
        "a launch that comes second is withdrawn",
        "no run is launched twice",
        (Step("second bot"), QUICK, Step("pause at", ("sky.launch", 90)), LAUNCH, WAIT),
        {"bot.adapters.sky.sdk_clusters.keep_first_launch": lambda _, request_id: request_id},
    ),
    Mutant(
        "a lost record of a launch is noticed",
        "no cluster is left",
        (QUICK, LAUNCH, SNAPSHOT, WAIT, ROLL_BACK, STOP, *MINUTES),
        {f"{DECIDE}.decide_waiting": believe_record},
    ),
    Mutant(
        "a removal cancels the launch under way",
        "no run is lost",
        (QUICK, Step("no room", (1,)), LAUNCH, WAIT, STOP, WAIT),
        {"bot.adapters.sky.sdk_clusters.tear_down": tear_down_without_cancel},
    ),
    Mutant(
        "a removal is requested again",
        "no run is lost",
        (Step("pace", (1, 3, 4, 5, 14)), LAUNCH, WAIT, STOP, *(Step("wait", (6,)), Step("sky restarts")) * 6),
        {f"{DECIDE}.is_teardown_due": is_first_request},
    ),
    Mutant(
        "a server that forgot proves nothing",
        "no cluster is left",
        (
            Step("pace", (1, 3, 4, 5, 14)),
            LAUNCH,
            WAIT,
            STOP,
            Step("wait", (16,)),
            Step("sky forgets", (200,)),
            *MINUTES,
        ),
        {"bot.core.model.run.is_forgotten": lambda *_: False},
    ),
    Mutant(
        "an expensive launch waits for an approval",
        "no launch without an approval",
        (QUICK, EXPENSIVE, WAIT),
        {"bot.core.rules.approval_rules.find_approval_causes": lambda *_: ()},
    ),
    Mutant(
        "people do not approve their own launches",
        "no launch without an approval",
        (QUICK, EXPENSIVE_BY_APPROVER, WAIT, Step("approve", (0, "U0LEA")), WAIT),
        {"bot.app.run_service.check_may_approve": never},
    ),
    Mutant(
        "a cap refuses what it has no room for",
        "no cap is exceeded",
        (QUICK, EXPENSIVE, EXPENSIVE, EXPENSIVE),
        {"bot.core.rules.admission.find_cap_violations": no_limits},
    ),
    Mutant(
        "a sweep asks whose a cluster is",
        "no healthy run is removed",
        (QUICK, LONG_LEASE, *MINUTES, *MINUTES),
        {"bot.app.cluster_sweep.determine_ownership": lambda *_: Ownership.ENDED_RUN},
    ),
    Mutant(
        "a sweep looks for clusters without a run",
        "no cluster is left",
        (QUICK, SNAPSHOT, LAUNCH, WAIT, ROLL_BACK, WAIT),
        {"bot.app.cluster_sweep.ClusterSweep.sweep": never},
    ),
    Mutant(
        "a budget ends a run",
        "no budget is exceeded",
        (QUICK, SMALL_BUDGET, *MINUTES),
        {"bot.core.rules.end_causes.list_exceeded_limits": no_limits},
    ),
    Mutant(
        "a lease ends a run",
        "no lease is exceeded",
        (QUICK, SHORT_LEASE, *MINUTES, *MINUTES),
        {"bot.core.model.run.Run.lease_ends_at": property(never)},
    ),
    Mutant(
        "the bot's time is not the machine's",
        "no limit ends a run early",
        (QUICK, LONG_LEASE, WAIT, Step("clock", (3600,)), WAIT),
        {"bot.app.process_health.advance": believe_wall_clock},
    ),
    Mutant(
        "a message is recorded before it is sent",
        "each end is posted once",
        (QUICK, LOST_POST, LAUNCH, WAIT),
        {"bot.slack.outbound.run_notifier.RunMessageRecord.begin": begin_without_record},
    ),
    Mutant(
        "a message of unknown fate is looked for",
        "each end is posted once",
        (QUICK, LOST_POST, LAUNCH, WAIT),
        {f"{DOUBTFUL}.find_message": never, f"{DOUBTFUL}.find_messages": lambda *_: []},
    ),
    Mutant(
        "a late message that came twice is removed",
        "each end is posted once",
        (QUICK, Step("slack is late", (50,)), LAUNCH, WAIT),
        {f"{DOUBTFUL}.delete_message": never},
    ),
    Mutant(
        "a repetition is recorded",
        "each end is posted once",
        (QUICK, Step("slack is late", (59,)), LAUNCH, Step("wait", (24,)), Step("kill", (60, 0)), Step("wait", (24,))),
        {"bot.core.model.sent_message.RunMessages.await_repeat": forget_first_post},
    ),
    Mutant(
        "a new process sends what was left unsent",
        "each end is posted once",
        (*UP, Step("slack is away", (100,)), STOP, WAIT, Step("kill", (0, 0)), WAIT),
        {"bot.slack.outbound.run_notifier.RunNotifier.__init__": begin_as_if_started},
    ),
    Mutant(
        "a store that was set back is noticed",
        "each end is posted once",
        (*UP, SNAPSHOT, STOP, *MINUTES, ROLL_BACK, *MINUTES),
        {"bot.app.store_watch.find_store_change": never},
    ),
    Mutant(
        "a store that was set back twice is noticed twice",
        "each end is posted once",
        (*UP, SNAPSHOT, STOP, *MINUTES, ROLL_BACK, STOP, *MINUTES, ROLL_BACK, STOP, *MINUTES),
        {"bot.slack.outbound.doubtful_messages.DoubtfulMessages._start_again": never},
    ),
    Mutant(
        "a bot that does not lead compares the store too",
        "each end is posted once",
        (*UP, Step("second bot"), WAIT, SNAPSHOT, STOP, *MINUTES, *KILLED, ROLL_BACK, *MINUTES),
        {"bot.app.store_watch.StoreWatch.follow": never},
    ),
    Mutant(
        "a repeated delivery launches nothing",
        "one request makes one run",
        (QUICK, LAUNCH, Step("deliver again")),
        {"bot.adapters.redis.redis_store.RunRecords.add": add_without_delivery},
    ),
    Mutant(
        "a record whose answer is lost is found again",
        "one request makes one run",
        (QUICK, Step("store link breaks", (0,)), LAUNCH),
        {"bot.adapters.redis.redis_store.RunRecords.add": add_without_delivery},
    ),
    Mutant(
        "an outage of the store is no mistake",
        "no job of the bot fails",
        (*UP, Step("store refuses", (20,)), WAIT),
        {"bot.adapters.redis.redis_store.translate_redis_errors": nullcontext},
    ),
    Mutant(
        "an answer is sent again",
        "each request is answered",
        (QUICK, LAUNCH, Step("slack", ("response_url", "limited", 1)), Step("ask", ("U0ANA", "cost"))),
        {"bot.slack.inbound.background.deliver": lambda answer, responder: responder(answer)},
    ),
    Mutant(
        "the last try of an answer goes another way",
        "each request is answered",
        (QUICK, LAUNCH, Step("slack", ("response_url", "broken", 3)), Step("ask", ("U0ANA", "cost"))),
        {"bot.slack.inbound.background.respond_by_url": respond_without_fallback},
    ),
    Mutant(
        "what a run has cost is recorded",
        "the ledger is right",
        (*UP, STOP),
        {"bot.adapters.redis.ledger_store.build_spending": lambda *_: {}},
    ),
    Mutant(
        "SkyPilot's bill counts, not the estimate",
        "the ledger is right",
        (*UP, STOP, Step("wait", (16,)), Step("sky is away", (200,)), *MINUTES),
        {
            "bot.adapters.sky.mapping.compute_cluster_bill": never,
            "bot.adapters.sky.sky_cloud.compute_cluster_bill": never,
        },
    ),
    Mutant(
        "a run that never had a cluster costs nothing",
        "the ledger is right",
        (QUICK, Step("no room", (1,)), LAUNCH, WAIT, STOP, WAIT),
        {"bot.core.model.money.Spending.bill_nothing": never},
    ),
    Mutant(
        "the bot's disk is asked before a model is called lost",
        "no whole model is called lost",
        (
            *UP,
            Step("model is saved", (0,)),
            WAIT,
            SUCCEEDS,
            Step("wait", (30,)),
            Step("kill", (4, 0)),
            Step("wait", (1,)),
            Step("machines go", (0, "vanish")),
            WAIT,
        ),
        {f"{DECIDE}.check_disk_first": lambda _, action: action},
    ),
    Mutant(
        "a model has all its parts",
        "no torn model is called whole",
        (*UP, Step("model is torn", (0, "a part is missing")), WAIT, SUCCEEDS, *MINUTES),
        {"bot.adapters.checkpoint_downloads.FRAMEWORK": without_flaws(FRAMEWORK)},
    ),
    Mutant(
        "a model can be opened",
        "no torn model is called whole",
        (*UP, Step("model is torn", (0, "a file is cut off")), WAIT, SUCCEEDS, *MINUTES),
        {"bot.adapters.checkpoint_downloads.find_damage": never},
    ),
    Mutant(
        "a full disk makes no model whole",
        "no torn model is called whole",
        (
            *UP,
            Step("model is saved", (0,)),
            WAIT,
            Step("disk is full", (200, 1)),
            SUCCEEDS,
            Step("wait", (45,)),
            Step("machines go", (0, "vanish")),
            *MINUTES,
        ),
        {"bot.adapters.checkpoint_downloads.find_damage": never},
    ),
    Mutant(
        "a paused leader's writes are refused",
        "each end is posted once",
        (Step("second bot"), QUICK, Step("pause at", ("slack.chat.postMessage", 90)), LAUNCH, WAIT, STOP, WAIT),
        {"bot.adapters.redis.fencing.FencedRedis.check_epoch": never},
    ),
)


def apply_mutant(mutant: Mutant) -> ExitStack:
    """Return a stack in which the guard is missing."""
    stack = ExitStack()
    for place, value in mutant.patches.items():
        stack.enter_context(patch(place, value))
    return stack
