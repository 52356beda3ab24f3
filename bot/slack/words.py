"""What the bot calls things: states, reasons, times, dollars, places. Values in, words out."""

from datetime import datetime, timedelta

from bot.core.doubt import Puzzle
from bot.core.metrics import REWARD, SCORE, VALIDATION, Progress
from bot.core.recipe import Recipe
from bot.core.run import Reason, Run, Status
from bot.core.seen import Job
from bot.slack.text import code, date, escape

STATES = {
    Status.PENDING: (":hourglass_flowing_sand:", "waiting"),
    Status.LAUNCHING: (":rocket:", "launching"),
    Status.RUNNING: (":large_blue_circle:", "running"),
    Status.STOPPING: (":octagonal_sign:", "stopping, still billing"),
    Status.ENDED: (":black_circle:", "ended"),
}

ENDINGS = {
    Reason.SUCCEEDED: (":white_check_mark:", "succeeded", "succeeded"),
    Reason.FAILED: (":x:", "failed", "failed"),
    Reason.SETUP_FAILED: (":x:", "failed in its setup", "failed in its setup"),
    Reason.DRIVER_DIED: (":x:", "failed, its driver died", "failed because its driver died"),
    Reason.LAUNCH_FAILED: (":x:", "not launched", "could not be launched"),
    Reason.CANCELLED_OUTSIDE: (":black_square_for_stop:", "cancelled by others", "was cancelled outside of verlbot"),
    Reason.STOPPED: (":black_square_for_stop:", "stopped", "was stopped"),
    Reason.OVER_BUDGET: (":moneybag:", "ended, budget spent", "was ended because its budget is spent"),
    Reason.LEASE_OVER: (":alarm_clock:", "ended, lease over", "was ended because its lease is over"),
    Reason.AUTODOWNED: (":zzz:", "removed by autostop", "was removed by autostop"),
    Reason.DOWNED_OUTSIDE: (":black_square_for_stop:", "removed by others", "was removed outside of verlbot"),
    Reason.CLUSTER_LOST: (":x:", "cluster lost", "lost its cluster"),
}
"""For each reason an icon, the state of a card, and what a sentence says of the run."""

IN_WORDS = (*REWARD, *SCORE, *VALIDATION)
"""Metrics that have a word of their own."""

UNPRICED = "unpriced: nobody has told me what this costs"
MODEL_DIES = (
    ":warning: *The model dies with the machine.* Its checkpoints are on the cluster's own disk; "
    "launch with `volume=NAME` or `bucket=URL` to keep them."
)


def state(run: Run) -> str:
    """The state as the card's headline shows it.

    A run that is over keeps its reason in sight while its cluster goes.
    """
    icon, word = STATES[run.status]
    if run.reason is not None:
        icon, ending, _ = ENDINGS[run.reason]
        word = ending if run.status is Status.ENDED else f"{ending} · {word}"
    elif run.stop_requested_by:
        word = f"{word} · stop asked for by <@{run.stop_requested_by}>"
    elif run.status is Status.LAUNCHING and run.job is Job.SETTING_UP:
        word = f"{word} · setting up"
    return f"{icon} *{word}*"


def machines(run: Run) -> str:
    """
    >>> from tests.builders import a_run
    >>> machines(a_run(nodes=2, gpus="H100:8", infra="k8s"))
    '2 nodes × H100:8 on k8s'
    """
    nodes = f"{run.nodes} node{'s' * (run.nodes != 1)}"
    gpus = f" × {run.gpus}" if run.gpus else ""
    return escape(f"{nodes}{gpus}" + (f" on {run.infra}" if run.infra else ""))


def progress(found: Progress, metrics: tuple[str, ...] = ()) -> str:
    """Step, reward and validation on one line, then the further metrics asked for; empty before the first step."""
    if found.step is None:
        return ""
    parts = [f"step {found.step}" + (f"/{found.total_steps}" if found.total_steps else "")]
    if (reward := found.reward) is not None:
        parts.append(f"reward {figure(reward)}")
    if (validation := found.validation) is not None:
        parts.append(f"val {figure(validation)} (step {found.validated_step})")
    further = [key for key in found.metrics if metrics and key.startswith(metrics) and not key.startswith(IN_WORDS)]
    parts += [f"{code(key)} {figure(found.metrics[key])}" for key in sorted(further)]
    return " · ".join(parts)


def figure(value: float) -> str:
    """
    >>> figure(0.6123), figure(1e-06), figure(1234.5)
    ('0.61', '1e-06', '1,234.5')
    """
    if value and not 0.01 <= abs(value) < 1e6:
        return f"{value:.2g}"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.1f}"


def dollars(value: float) -> str:
    """
    >>> dollars(0.004), dollars(12.5), dollars(12000)
    ('<$0.01', '$12.50', '$12,000')
    """
    if 0 < value < 0.01:
        return "<$0.01"
    return f"${value:,.0f}" if value >= 1000 else f"${value:,.2f}"


def money(run: Run, now: datetime) -> str:
    """Cost, budget and rate, with the rate's source."""
    spent, hourly = run.cost(now), run.hourly
    if run.status is Status.PENDING:
        return f"budget {dollars(run.budget_dollars)}"
    if hourly is None or spent is None:
        return UNPRICED
    rate = f"{dollars(hourly.dollars_per_hour)}/h by {escape(hourly.source)}"
    return f"{dollars(spent)} of {dollars(run.budget_dollars)} · {rate}"


def doubt(run: Run) -> str:
    """What is not known of it just now, and since when; empty where all is."""
    if run.status is Status.ENDED:
        return ""
    if run.outage and run.outage.until is None and run.status is Status.PENDING:
        return f"Nobody has answered for the machines since {date(run.outage.since)}."
    if run.outage and run.outage.until is None:
        return f"Nothing could be seen of it since {date(run.outage.since)}."
    if run.doubt and run.doubt.puzzle is Puzzle.UNHEALTHY:
        return f"Its cluster is unhealthy since {date(run.doubt.since)}: {escape(run.doubt.detail or '')}"
    if run.trouble and run.over:
        return f"Its removal has failed and is asked for again: {escape(run.trouble)}"
    if run.trouble:
        return f"Whether its launch was accepted is not known yet: {escape(run.trouble)}"
    return ""


def lasted(span: timedelta) -> str:
    """
    >>> lasted(timedelta(seconds=80)), lasted(timedelta(hours=3, minutes=5)), lasted(timedelta(days=2))
    ('1 min 20 s', '3 h 5 min', '48 h')
    """
    seconds = round(span.total_seconds())
    if seconds < 600:
        return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
    return (
        f"{seconds // 3600} h {seconds % 3600 // 60} min"
        if seconds >= 3600 and seconds % 3600 >= 60
        else hours(seconds)
    )


def hours(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


def model(run: Run) -> str:
    """Where the trained model is, in a sentence; empty where the recipe trains none that is saved."""
    found = run.progress
    if found.checkpoint is None:
        if found.step is None:
            return ""
        if run.place:
            return f"No checkpoint was seen in its log; if there is one, it is in {code(f'{run.place} › {run.id}')}."
        return "No checkpoint was seen in its log." if run.model_dies else ""
    if run.place is None:
        return f"The model of step {found.checkpoint_step} died with the machine: no `volume=` or `bucket=` was set."
    if run.id not in found.checkpoint:
        there = f"was saved in {code(found.checkpoint)}, which is not in {code(run.place)}"
        return f"The model of step {found.checkpoint_step} {there}: it died with the machine, unless that outlives it."
    folder = found.checkpoint[found.checkpoint.find(run.id) :]
    return f"Model: step {found.checkpoint_step}, in {code(f'{run.place} › {folder}')}."


def autostop(run: Run) -> str:
    """What removes the cluster if the bot does not, as the cloud says."""
    if run.autostop_minutes is None:
        return "no autostop: the lease alone guards it"
    return f"autostop after {run.autostop_minutes} idle min"


def ending(run: Run, reason: Reason) -> tuple[str, str]:
    """An icon, and what became of the run as a sentence goes on: `was stopped` by whom, `failed`, …"""
    icon, _, sentence = ENDINGS[reason]
    by = f" by <@{run.stop_requested_by}>" if reason is Reason.STOPPED else ""
    return icon, f"{sentence}{by}"


def lease(run: Run) -> str:
    return f"lease until {date(run.lease_ends_at, '{date_short_pretty} {time}')}" if run.lease_ends_at else ""


def headline(recipe: Recipe) -> str:
    return f"*{escape(recipe.name)}* · {escape(recipe.title)}"
