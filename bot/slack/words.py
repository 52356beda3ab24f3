"""The bot's words for states, reasons, times, dollars, places. Values in, words out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core.blind import Blind
from bot.core.doubt import Puzzle
from bot.core.forecast import forecast as core_forecast
from bot.core.money import Rate
from bot.core.recipe import Recipe
from bot.core.run import Run
from bot.core.seen import Job
from bot.core.status import Reason, Status
from bot.language import mark
from bot.slack.endings import DRAINING, ENDINGS
from bot.slack.phrases import say, say_many, translate
from bot.slack.text import Markup, code, date, emoji, escape, joined, mention, mrkdwn

STATES = {
    Status.AWAITING_APPROVAL: (":raised_hand:", mark("needs approval")),
    Status.PENDING: (":hourglass_flowing_sand:", mark("waiting")),
    Status.LAUNCHING: (":rocket:", mark("launching")),
    Status.RUNNING: (":large_blue_circle:", mark("running")),
    Status.STOPPING: (":octagonal_sign:", mark("stopping, still billing")),
    Status.ENDED: (":black_circle:", mark("ended")),
}

UNPRICED = mark("unpriced: nobody has told me what this costs")
MODEL_GOES = mark(
    ":warning: *The model dies with the machine.* Its checkpoints are on the cluster's own disk, and a managed job's "
    "machines go when its program ends: launch with `volume=NAME` or `bucket=URL` to keep them."
)
MODEL_DIES = mark(
    ":warning: *The model is on its machine alone.* I fetch the newest checkpoint before its cluster goes; what is "
    "lost with a machine is lost. `volume=NAME` or `bucket=URL` keep it elsewhere."
)


BLIND = {
    Blind.CHECKPOINTS: mark(
        ":warning: *It saves no checkpoint*: whatever ends it takes the model with it. "
        "`trainer.save_freq=20` saves one every 20 steps."
    ),
    Blind.VALIDATION: mark(
        ":warning: *It validates nothing*: nobody sees whether the model gets better. "
        "`trainer.test_freq=20` validates every 20 steps."
    ),
    Blind.AUTOSTOP: mark(":warning: *It asks for no autostop*: the lease alone guards its machines."),
}


def red_lines(lacking: Sequence[Blind], model_dies: bool, managed: bool) -> list[Markup]:
    """Return the safeguards that a launch lacks, a sentence each."""
    dies = [say(MODEL_GOES if managed else MODEL_DIES)] if model_dies and Blind.CHECKPOINTS not in lacking else []
    return [*dies, *(say(BLIND[one]) for one in lacking)]


def state(run: Run) -> Markup:
    """Return the state as the card's headline shows it.

    A finished run still shows its reason while its cluster is removed.
    """
    icon, word = STATES[run.status][0], say(STATES[run.status][1])
    words = [word]
    if run.reason is not None:
        icon, ending = ENDINGS[run.reason].icon, say(ENDINGS[run.reason].state)
        words = [ending] if run.status is Status.ENDED else [ending, word]
    elif run.stop_requested_by:
        words = [word, say("stop asked for by {person}", person=mention(run.stop_requested_by))]
        words += [say("saving first")] if run.keeping.draining else []
    elif run.keeping.draining:
        words = [word, say(DRAINING[run.keeping.draining.reason])]
    elif run.status is Status.LAUNCHING and run.job is Job.SETTING_UP:
        words = [word, say("setting up")]
    elif run.recoveries.open:
        words = [word, say("its machines went away, waiting for others")]
    if run.memory.is_lost and run.status is not Status.ENDED:
        words.append(say("SkyPilot does not remember it"))
    return mrkdwn("{} *{}*", emoji(icon), joined(" · ", words))


def machines(run: Run) -> Markup:
    """Return the nodes, their GPUs and their infra.

    >>> from tests.builders import a_run
    >>> machines(a_run(nodes=2, gpus="H100:8", infra="k8s"))
    '2 nodes × H100:8 on k8s'
    """
    found = several(run.nodes, run.gpus)
    return say("{machines} on {infra}", machines=found, infra=translate(run.infra)) if run.infra else found


def several(nodes: int, gpus: str) -> Markup:
    """Return the number of nodes, and the GPUs of each."""
    found = say_many("{count} node", "{count} nodes", nodes)
    return mrkdwn("{} × {}", found, gpus) if gpus else found


def dollars(value: float) -> Markup:
    """Return an amount of dollars, with cents below a thousand.

    >>> dollars(0.004), dollars(12.5), dollars(12000)
    ('under $0.01', '$12.50', '$12,000')
    """
    if 0 < value < 0.01:
        return say("under $0.01")
    return escape(f"${value:,.0f}" if value >= 1000 else f"${value:,.2f}")


def fine(value: float) -> Markup:
    """Return dollars of small things, to two digits at least.

    >>> fine(0.00123), fine(0.045), fine(12.5)
    ('$0.0012', '$0.045', '$12.50')
    """
    return escape(f"${value:.2g}") if 0.0001 <= value < 0.1 else dollars(value)


def unshown(run_id: str) -> Markup:
    """Return the line of a run that cannot be shown among others."""
    return mrkdwn(":grey_question: {}", say("I cannot show {run}: my own log says why.", run=code(run_id)))


def spent(run: Run, now: datetime) -> Markup:
    """Return the dollars so far, or that they are unknown; empty where no machine was requested."""
    if run.first_asked_at is None:
        return Markup()
    found = run.cost(now)
    return dollars(found) if found is not None else say("unpriced")


def became(status: Status, reason: Reason | None) -> Markup:
    """Return the state of a run, or its outcome: less than its card shows."""
    if reason is not None and status is Status.ENDED:
        return mrkdwn("{} {}", emoji(ENDINGS[reason].icon), say(ENDINGS[reason].state))
    return mrkdwn("{} {}", emoji(STATES[status][0]), say(STATES[status][1]))


def money(run: Run, now: datetime) -> Markup:
    """Return cost, budget and rate, with the rate's source."""
    spent, known = run.cost(now), run.hourly
    if run.waits or run.first_asked_at is None:
        return budget(run.budget_dollars)
    if known is None or spent is None:
        return say(UNPRICED)
    cost = say("{spent} of {budget}", spent=dollars(spent), budget=dollars(run.budget_dollars))
    return joined(" · ", [cost, forecast(run, now), rate(known)])


OVER = mark("forecast {dollars}: *{over} over*, from step {step}")


def forecast(run: Run, now: datetime) -> Markup:
    """Return the forecast of the cost at the end; empty where there is none."""
    ahead = core_forecast(run, now)
    if ahead is None or ahead.dollars is None:
        return Markup()
    if ahead.over_at_step is None:
        return say("forecast {dollars}", dollars=dollars(ahead.dollars))
    over = dollars(ahead.dollars - run.budget_dollars)
    return say(OVER, dollars=dollars(ahead.dollars), over=over, step=ahead.over_at_step)


def budget(most: float) -> Markup:
    """Return the budget in words."""
    return say("budget {dollars}", dollars=dollars(most))


def lasting(hours: float) -> Markup:
    """Return how long a run may live."""
    return say("lease {hours} h", hours=f"{hours:g}")


def hourly(value: float) -> Markup:
    """Return dollars an hour."""
    return say("{dollars}/h", dollars=dollars(value))


def rate(found: Rate) -> Markup:
    """Return the cost of an hour, with its source."""
    return say("{dollars}/h by {source}", dollars=dollars(found.dollars_per_hour), source=translate(found.source))


FORGOTTEN = mark(
    "SkyPilot's server does not remember it since {time}. Whether it runs and bills is not known; its numbers are from "
    "before."
)


def doubt(run: Run) -> Markup:
    """Return what is unknown about the run just now, and since when; empty where nothing is."""
    if run.status is Status.ENDED:
        return Markup()
    if run.memory.loss and run.memory.is_lost:
        return say(FORGOTTEN, time=date(run.memory.loss.since))
    if run.outage and run.outage.until is None and run.waits:
        return say("Nobody has answered for the machines since {time}.", time=date(run.outage.since))
    if run.outage and run.outage.until is None:
        return say("Nothing could be seen of it since {time}.", time=date(run.outage.since))
    if run.doubt and run.doubt.puzzle is Puzzle.UNHEALTHY:
        since, why = date(run.doubt.since), run.doubt.detail or ""
        return say("Its cluster is unhealthy since {time}: {why}", time=since, why=why)
    if run.trouble and run.over:
        return say("Its removal has failed and is asked for again: {why}", why=run.trouble)
    if run.trouble:
        return say("Whether its launch was accepted is not known yet: {why}", why=run.trouble)
    return Markup()


def lasted(span: timedelta) -> Markup:
    """Return a duration in two units at most.

    >>> lasted(timedelta(seconds=80)), lasted(timedelta(hours=3, minutes=5)), lasted(timedelta(days=2))
    ('1 min 20 s', '3 h 5 min', '48 h')
    """
    seconds = max(round(span.total_seconds()), 0)
    if seconds < 60:
        return say("{count} s", count=seconds)
    if seconds < 600:
        return say("{minutes} min {seconds} s", minutes=seconds // 60, seconds=seconds % 60)
    if seconds < 3600:
        return say("{count} min", count=seconds // 60)
    if seconds % 3600 < 60:
        return say("{count} h", count=seconds // 3600)
    return say("{hours} h {minutes} min", hours=seconds // 3600, minutes=seconds % 3600 // 60)


def autostop(run: Run) -> Markup:
    """Return what removes the cluster if the bot does not, as the cloud reports it."""
    if run.managed:
        return say("SkyPilot removes its cluster at its end")
    if run.autostop_minutes is None:
        return say("no autostop: the lease alone guards it")
    return say("autostop after {minutes} idle min", minutes=run.autostop_minutes)


def stopping(run: Run, reason: Reason) -> Markup:
    """Return why the run stops, a sentence with its icon."""
    became = ENDINGS[reason]
    sentence = say(became.stopping, person=mention(run.stop_requested_by))
    return mrkdwn("{} {}", emoji(became.icon), sentence)


def ending(run: Run, reason: Reason, now: datetime) -> Markup:
    """Return the headline of the end: the outcome and the duration."""
    became, lasting = ENDINGS[reason], lasted(run.billed(now))
    headline = say(became.ended, run=code(run.id), time=lasting, person=mention(run.stop_requested_by))
    return mrkdwn("{} {}", emoji(became.icon), headline)


def lease(run: Run) -> Markup:
    """Return until when the run may live; empty where it has no lease yet."""
    if run.lease_ends_at is None:
        return Markup()
    return say("lease until {time}", time=date(run.lease_ends_at, "{date_short_pretty} {time}"))


def recipe(found: Recipe) -> Markup:
    """Return a recipe's name, title and description. Those of the packaged recipes are in the catalogue too."""
    return mrkdwn("*{}* · {}\n{}", found.name, translate(found.title), translate(found.description))
