"""The bot's words for states, reasons, times, dollars, places. Values in, words out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.core.frameworks import FRAMEWORK
from bot.core.model.audit import DEMO
from bot.core.model.cluster import Ambiguity, JobState
from bot.core.model.launch_plan import Safeguard
from bot.core.model.money import Rate
from bot.core.model.recipe import Recipe
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.model.state_names import STATUS_STATES
from bot.core.rules.forecast import build_forecast
from bot.phrase import N_, Text, describe_duration, join_alternatives
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    date,
    date_and_time,
    emoji,
    escape,
    join_parts,
    link,
    mention,
    mrkdwn,
    render_phrase,
    render_plural,
    to_plain_line,
    translate_text,
)
from bot.slack.views.outcome_labels import DEMO_CLOSED_LABELS, OUTCOME_LABELS, SAVING_LABELS, OutcomeLabels

STATUS_LABELS = {
    RunStatus.AWAITING_APPROVAL: (":raised_hand:", STATUS_STATES[RunStatus.AWAITING_APPROVAL]),
    RunStatus.PENDING: (":hourglass_flowing_sand:", STATUS_STATES[RunStatus.PENDING]),
    RunStatus.LAUNCHING: (":rocket:", STATUS_STATES[RunStatus.LAUNCHING]),
    RunStatus.RUNNING: (":large_blue_circle:", STATUS_STATES[RunStatus.RUNNING]),
    RunStatus.STOPPING: (":octagonal_sign:", STATUS_STATES[RunStatus.STOPPING]),
    RunStatus.ENDED: (":black_circle:", STATUS_STATES[RunStatus.ENDED]),
}

UNPRICED = N_("price unknown")
JOB_CHECKPOINTS_EPHEMERAL = N_(
    ":warning: *Checkpoints will be lost.* They are only on the cluster, which SkyPilot deletes when the job ends. "
    "To keep them, launch with `volume=NAME` or `bucket=URL`."
)
CHECKPOINTS_EPHEMERAL = N_(
    ":warning: *Checkpoints are only on the cluster.* I'll download the latest one before the cluster is deleted, but "
    "a crash would lose it. To keep checkpoints, launch with `volume=NAME` or `bucket=URL`."
)


INTERVAL_OPTIONS = {
    Safeguard.CHECKPOINTS: FRAMEWORK.checkpoint_interval_option,
    Safeguard.VALIDATION: FRAMEWORK.validation_interval_option,
    Safeguard.AUTOSTOP: "",  # the recipe's, not the training's
}

SAFEGUARD_WARNINGS = {
    Safeguard.CHECKPOINTS: N_(
        ":warning: *No checkpoints are saved*: the model is lost when the run ends. `{option}=20` saves one every "
        "20 steps."
    ),
    Safeguard.VALIDATION: N_(
        ":warning: *No validation*: nothing shows whether the model improves. `{option}=20` validates every 20 steps."
    ),
    Safeguard.AUTOSTOP: N_(":warning: *No autostop*: SkyPilot will not remove the cluster if I am down."),
}


def list_safeguard_warnings(missing: Sequence[Safeguard], is_ephemeral: bool, managed: bool) -> list[Markup]:
    """Return the safeguards that a launch lacks, a sentence each."""
    warnings = (
        [render_phrase(JOB_CHECKPOINTS_EPHEMERAL if managed else CHECKPOINTS_EPHEMERAL)]
        if is_ephemeral and Safeguard.CHECKPOINTS not in missing
        else []
    )
    return [
        *warnings,
        *(render_phrase(SAFEGUARD_WARNINGS[safeguard], option=INTERVAL_OPTIONS[safeguard]) for safeguard in missing),
    ]


def render_launch_warning(warning: Text) -> Markup:
    """Return what is doubtful about a launch."""
    return mrkdwn(":warning: {}", escape(warning))


def describe_state(run: Run) -> Markup:
    """Return the state as the card's headline shows it.

    A finished run still shows its reason while its cluster is removed.
    """
    icon, status_label = STATUS_LABELS[run.status][0], render_phrase(STATUS_LABELS[run.status][1])
    parts = [status_label]
    if run.reason is not None:
        icon, reason_label = OUTCOME_LABELS[run.reason].icon, render_phrase(OUTCOME_LABELS[run.reason].state)
        parts = [reason_label] if run.status is RunStatus.ENDED else [reason_label, render_phrase("still billing")]
    elif run.requests.stop_requested_by:
        is_withdrawn = run.launch.first_requested_at is None
        parts = [
            render_phrase("will not be launched") if is_withdrawn else status_label,
            render_phrase("stop requested by {person}", person=mention(run.requests.stop_requested_by)),
        ]
        parts += [render_phrase("saving first")] if run.checkpoint_rescue.save_grace else []
    elif run.checkpoint_rescue.save_grace:
        cause = render_phrase(SAVING_LABELS[run.checkpoint_rescue.save_grace.reason])
        parts = [status_label, cause, render_phrase("saving first")]
    elif run.status is RunStatus.LAUNCHING and run.observed.job is JobState.SETTING_UP:
        parts = [status_label, render_phrase("setting up")]
    elif run.observed.recoveries.ongoing:
        parts = [status_label, render_phrase("waiting for new machines")]
    if run.observed.memory.is_lost and run.status is not RunStatus.ENDED:
        parts.append(render_phrase("SkyPilot no longer knows it"))
    return mrkdwn("{} *{}*", emoji(icon), join_parts(" · ", parts))


def link_run(run: Run, reader: str = "") -> Markup:
    """Return the run's id as a link to its card, and its name; the id is code where the card's address is unknown, or
    the reader may not open it.

    Args:
        reader: Slack's id of the only person who reads it; empty for a message that several people read.
    """
    is_direct = run.message_channel.startswith("D")
    if run.is_redacted or not run.card_url or (is_direct and reader != run.requester):
        return append_name(code(run.id), run)
    return append_name(link(run.card_url, run.id), run)


def render_run_name(run: Run) -> Markup:
    """Return the run's id, with the name that a person has given it."""
    return append_name(escape(run.id), run)


def append_name(shown: Markup, run: Run) -> Markup:
    """Return what shows the run, with the name that a person has given it."""
    return mrkdwn("{} “{}”", shown, to_plain_line(run.name, MAX_RUN_NAME_CHARACTERS)) if run.name else shown


MAX_RUN_NAME_CHARACTERS = 40
"""Maximum characters of a run's name."""

SOON = timedelta(hours=12)
"""Within this time of now an hour and a minute name a moment; Slack adds the day to others."""


def format_moment(moment: datetime, now: datetime) -> Markup:
    """Return a moment inside a sentence, in the reader's time zone: without a day where it is near.

    Slack writes "Today" and "Yesterday" with a capital, so a far moment has its date.
    """
    return date(moment, "{time}" if abs(moment - now) < SOON else "{date_short}, {time}")


def describe_machines(run: Run) -> Markup:
    """Return the nodes, their GPUs and their infra.

    >>> from tests.builders import a_run
    >>> describe_machines(a_run(nodes=2, gpus="H100:8", infra="k8s"))
    '2 nodes × H100:8 on k8s'
    """
    nodes_text = describe_nodes(run.plan.nodes, run.plan.gpus)
    return (
        render_phrase("{machines} on {infra}", machines=nodes_text, infra=translate_text(run.infra))
        if run.infra
        else nodes_text
    )


def describe_nodes(nodes: int, gpus: str) -> Markup:
    """Return the number of nodes, and the GPUs of each: all kinds that SkyPilot may choose from.

    >>> describe_nodes(1, "H100:1, A100:1"), describe_nodes(2, "")
    ('1 node × H100:1 or A100:1', '2 nodes')
    """
    nodes_text = render_plural("{count} node", "{count} nodes", nodes)
    return mrkdwn("{} × {}", nodes_text, join_alternatives(gpus.split(", "))) if gpus else nodes_text


def format_dollars(value: float) -> Markup:
    """Return an amount of dollars with cents, but for whole thousands: two amounts that differ never read alike.

    >>> format_dollars(0.004), format_dollars(12.5), format_dollars(12000), format_dollars(1234.56)
    ('under $0.01', '$12.50', '$12,000', '$1,234.56')
    """
    if 0 < value < 0.01:
        return render_phrase("under $0.01")
    amount = f"${value:,.2f}"
    return escape(amount.removesuffix(".00") if value >= 1000 else amount)


def format_small_dollars(value: float) -> Markup:
    """Return dollars of small things, to two digits at least.

    >>> format_small_dollars(0.00123), format_small_dollars(0.045), format_small_dollars(12.5)
    ('$0.0012', '$0.045', '$12.50')
    """
    return escape(f"${value:.2g}") if 0.0001 <= value < 0.1 else format_dollars(value)


def unshown_line(run_id: str) -> Markup:
    """Return the line of a run that cannot be shown among others."""
    return mrkdwn(":grey_question: {}", render_phrase("I cannot show {run}: my own log says why.", run=code(run_id)))


def describe_cost(run: Run, now: datetime) -> Markup:
    """Return the dollars so far, or that they are unknown; empty where no machine was requested."""
    if run.launch.first_requested_at is None:
        return Markup()
    cost = run.cost(now)
    return format_dollars(cost) if cost is not None else render_phrase("price unknown")


def describe_outcome(status: RunStatus, reason: Reason | None) -> Markup:
    """Return the state of a run, or its outcome: less than its card shows."""
    if reason is not None and status in (RunStatus.STOPPING, RunStatus.ENDED):
        billing = render_phrase("still billing") if status is RunStatus.STOPPING else ""
        outcome = join_parts(" · ", [render_phrase(OUTCOME_LABELS[reason].state), billing])
        return mrkdwn("{} {}", emoji(OUTCOME_LABELS[reason].icon), outcome)
    return mrkdwn("{} {}", emoji(STATUS_LABELS[status][0]), render_phrase(STATUS_LABELS[status][1]))


def describe_money(run: Run, now: datetime) -> Markup:
    """Return cost, budget and rate, with the rate's source."""
    cost_dollars, hourly_rate = run.cost(now), run.spending.hourly_rate
    if run.launch.first_requested_at is None:
        unbilled = render_phrase("no machines were requested")
        return unbilled if run.is_finished else describe_budget(run.limits.budget_dollars)
    if run.is_waiting:
        return describe_budget(run.limits.budget_dollars)
    if hourly_rate is None or cost_dollars is None:
        return render_phrase(UNPRICED)
    cost_text = render_phrase(
        "{spent} of {budget}", spent=format_dollars(cost_dollars), budget=format_dollars(run.limits.budget_dollars)
    )
    return join_parts(" · ", [cost_text, describe_forecast(run, now), describe_rate(hourly_rate)])


FORECAST_EXCEEDS_BUDGET = N_("forecast {dollars}: *{over} over*, from step {step}")


def describe_forecast(run: Run, now: datetime) -> Markup:
    """Return the forecast of the cost at the end; empty where there is none."""
    prediction = build_forecast(run, now)
    if prediction is None or prediction.dollars is None:
        return Markup()
    if prediction.budget_exhausted_at_step is None:
        return render_phrase("forecast {dollars}", dollars=format_dollars(prediction.dollars))
    excess = format_dollars(prediction.dollars - run.limits.budget_dollars)
    return render_phrase(
        FORECAST_EXCEEDS_BUDGET,
        dollars=format_dollars(prediction.dollars),
        over=excess,
        step=prediction.budget_exhausted_at_step,
    )


def compute_whole_percent(dollars: float, of_dollars: float) -> int:
    """Return the share of an amount in whole percent; 100 only where the cents that are shown reach the whole.

    >>> [compute_whole_percent(dollars, 1000.0) for dollars in (45.6, 999.65, 999.999, 1000.0)]
    [5, 99, 100, 100]
    """
    cents, of_cents = round(100 * dollars), round(100 * of_dollars)
    percent = round(100 * cents / of_cents) if of_cents > 0 else 100
    return min(percent, 99) if cents < of_cents else percent


def describe_budget(maximum: float) -> Markup:
    """Return the budget in words."""
    return render_phrase("budget {dollars}", dollars=format_dollars(maximum))


def describe_lease_hours(hours: float) -> Markup:
    """Return how long a run may live."""
    return render_phrase("lease {hours} h", hours=f"{hours:g}")


def format_hourly_rate(value: float) -> Markup:
    """Return dollars an hour."""
    return render_phrase("{dollars}/h", dollars=format_dollars(value))


def describe_rate(hourly_rate: Rate) -> Markup:
    """Return the cost of an hour, with its source."""
    return render_phrase(
        "{dollars}/h ({source})",
        dollars=format_dollars(hourly_rate.dollars_per_hour),
        source=translate_text(hourly_rate.source),
    )


FORGOTTEN_SINCE = N_(
    "SkyPilot's server has not known this run since {time}. It may still be running and costing money; the numbers "
    "here are older."
)


def describe_uncertainty(run: Run) -> Markup:
    """Return what is unknown about the run just now, and since when; empty where nothing is."""
    if run.status is RunStatus.ENDED:
        return Markup()
    if run.observed.memory.loss and run.observed.memory.is_lost:
        return render_phrase(FORGOTTEN_SINCE, time=date(run.observed.memory.loss.since))
    if run.observed.outage and run.observed.outage.until is None and run.is_waiting:
        return render_phrase("SkyPilot has not answered since {time}.", time=date(run.observed.outage.since))
    if run.observed.outage and run.observed.outage.until is None:
        return render_phrase("No status since {time}; still checking.", time=date(run.observed.outage.since))
    if run.observed.pending_confirmation and run.observed.pending_confirmation.ambiguity is Ambiguity.UNHEALTHY:
        since, why = date(run.observed.pending_confirmation.since), run.observed.pending_confirmation.detail or ""
        return render_phrase("The cluster has been unhealthy since {time}: {why}", time=since, why=why)
    if run.teardown.last_error and run.is_finished:
        return render_phrase("Deleting the cluster failed; I keep trying. {why}", why=run.teardown.last_error)
    if run.launch.last_error:
        return render_phrase("I don't know yet whether SkyPilot accepted the launch: {why}", why=run.launch.last_error)
    return Markup()


def format_duration(span: timedelta) -> Markup:
    """Return a duration in two units at most.

    >>> (format_duration(timedelta(seconds=80)), format_duration(timedelta(hours=3, minutes=5)),
    ...  format_duration(timedelta(days=2)))
    ('1 min 20 s', '3 h 5 min', '48 h')
    """
    return escape(describe_duration(span))


def format_whole_minutes(minutes: int) -> Markup:
    """Return minutes in hours and minutes, or in days and hours from two days on.

    >>> format_whole_minutes(5), format_whole_minutes(125), format_whole_minutes(60 * 75)
    ('5 min', '2 h 5 min', '3 d 3 h')
    """
    if minutes >= 60 * 48:
        return render_phrase("{days} d {hours} h", days=minutes // 1440, hours=minutes % 1440 // 60)
    if minutes >= 60:
        return render_phrase("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
    return render_phrase("{count} min", count=minutes)


def describe_autostop(run: Run) -> Markup:
    """Return what removes the cluster if the bot does not, as the cloud reports it."""
    if run.plan.managed:
        return render_phrase("SkyPilot deletes the cluster when the job ends")
    if run.observed.autostop_minutes is None:
        return render_phrase("no autostop, so SkyPilot will not remove the cluster if I am down")
    return render_phrase("autostop after {minutes} idle min", minutes=run.observed.autostop_minutes)


def choose_outcome_labels(run: Run, reason: Reason) -> OutcomeLabels:
    """Return what people read of an end: of a closed demo, that it was closed, because no person stopped the run."""
    is_closed_demo = reason is Reason.STOPPED and run.requests.stop_requested_by == DEMO
    return DEMO_CLOSED_LABELS if is_closed_demo else OUTCOME_LABELS[reason]


def stopping_sentence(run: Run, reason: Reason) -> Markup:
    """Return why the run stops, a sentence with its icon."""
    labels = choose_outcome_labels(run, reason)
    sentence = render_phrase(labels.stopping, run=link_run(run), person=mention(run.requests.stop_requested_by))
    return mrkdwn("{} {}", emoji(labels.icon), sentence)


def end_headline(run: Run, reason: Reason, now: datetime) -> Markup:
    """Return the headline of the end: the outcome and the duration."""
    labels, duration = choose_outcome_labels(run, reason), format_duration(run.compute_billed_duration(now))
    headline = render_phrase(
        labels.ended, run=link_run(run), time=duration, person=mention(run.requests.stop_requested_by)
    )
    return mrkdwn("{} {}", emoji(labels.icon), headline)


def describe_lease(run: Run, now: datetime) -> Markup:
    """Return until when the run may live; empty where it has no lease yet."""
    if run.lease_ends_at is None:
        return Markup()
    return render_phrase("lease until {time}", time=date_and_time(run.lease_ends_at, now))


def describe_lease_sentence(run: Run) -> Markup:
    """Return until when the run may live, as a sentence; empty where it has no lease yet."""
    if run.lease_ends_at is None:
        return Markup()
    end = date(run.lease_ends_at, "{date_short} {time}")
    return render_phrase("The lease of {run} ends {time}.", run=link_run(run), time=end)


def describe_recipe(recipe: Recipe) -> Markup:
    """Return a recipe's name, title and description. Those of the packaged recipes are in the catalogue too."""
    return mrkdwn("*{}* · {}\n{}", recipe.name, translate_text(recipe.title), translate_text(recipe.description))
