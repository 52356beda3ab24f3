"""Health findings of trainings, for the thread and the channel. Pure: a record in, messages out."""

from datetime import datetime

from bot.core.amendment import Mute
from bot.core.health.finding import Finding, Severity
from bot.core.health.watch import Healed
from bot.core.money import cost
from bot.core.run import Run
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import Block, actions, button, context, section
from bot.slack.limits import stop
from bot.slack.message import Message, said
from bot.slack.phrases import say
from bot.slack.text import Markup, code, emoji, escape, joined, link, mention, mrkdwn, unshaped

MUTE = "mute"

ICONS = {Severity.NOTE: ":mag:", Severity.WARNING: ":warning:", Severity.STOP: ":rotating_light:"}

SINCE = mark("Since step {step}, {time} ago.")
SINCE_AND_COST = mark("Since step {step}, {time} and {dollars} ago.")
READ_MORE = mark("read more")
HEALED = mark("Step {step}: {finding} has passed. It had stood since step {since}.")
MUTED = mark("{person} wants to hear no more of {finding} here.")
MISLEADING = mark("{key} is shown as unknown. {why}")


def finding_messages(run: Run, now: datetime) -> list[Message]:
    """Return the messages about a run's health: open findings, resolved ones, and who muted which."""
    stands = [] if run.over else [one for one in run.watch.open if not run.is_muted(one.name)]
    passed = [one for one in run.watch.healed if was_said(run, one)]
    return [
        *(finding_message(run, one, now) for one in stands),
        *(healed_message(one) for one in passed),
        *(muted_message(one) for one in run.mutes),
    ]


def finding_message(run: Run, found: Finding, now: datetime) -> Message:
    """Return what a finding shows, its evidence, its age, the cost since then, and the advice."""
    head = mrkdwn("{} *{}* {}", emoji(ICONS[found.severity]), found.what, found.evidence)
    told = joined(" ", [since(run, found, now), reference(found)])
    blocks = [section(head), section(escape(found.advice)), context(told), actions(*buttons(run, found))]
    return Message(
        f"finding-{found.key}",
        unshaped(head),
        tuple(blocks if found.advice else [blocks[0], *blocks[2:]]),
        broadcast=found.severity is not Severity.NOTE,
    )


def since(run: Run, found: Finding, now: datetime) -> Markup:
    """Return since when a finding is open, and the cost since then if it is known."""
    if not found.since_at:
        return say("Since step {step}.", step=found.since_step)
    passed = now - datetime.fromtimestamp(found.since_at, now.tzinfo)
    spent, time = cost(run.hourly, passed), words.lasted(passed)
    if spent is None:
        return say(SINCE, step=found.since_step, time=time)
    return say(SINCE_AND_COST, step=found.since_step, time=time, dollars=words.dollars(spent))


def reference(found: Finding) -> Markup:
    """Return the source of a finding, as a link if it is an address."""
    is_address = found.reference.startswith("https://")
    return link(found.reference, say(READ_MORE)) if is_address else escape(found.reference)


def buttons(run: Run, found: Finding) -> list[Block]:
    """Return the buttons of a finding. *Stop* is offered if the training looks dead; a person decides."""
    mute = button(say("Mute this"), MUTE, f"{run.id} {found.name}")
    return [mute, stop(run)] if found.severity is Severity.STOP else [mute]


def was_said(run: Run, healed: Healed) -> bool:
    """Return whether a finding was posted: only then does its end need a message."""
    beginning = f"finding-{healed.finding.name}:{healed.finding.since_step}:"
    return any(key.startswith(beginning) for key in run.posted)


def healed_message(healed: Healed) -> Message:
    """Return the notice that a finding is resolved."""
    found = healed.finding
    text = say(HEALED, step=healed.step, finding=code(found.name), since=found.since_step)
    return said(f"healed-{found.name}-{healed.step}", mrkdwn(":white_check_mark: {}", text))


def muted_message(mute: Mute) -> Message:
    """Return the notice that a person muted a finding."""
    text = say(MUTED, person=mention(mute.by), finding=code(mute.finding))
    return said(f"muted-{mute.finding}", mrkdwn(":mute: {}", text))


def sickness(run: Run) -> list[Markup]:
    """Return the open findings for the card, one line each, the most severe first; empty if the training is healthy."""
    stands = [] if run.over else [one for one in run.watch.open if not run.is_muted(one.name)]
    grave = sorted((one for one in stands if one.severity is not Severity.NOTE), key=lambda one: -one.severity.rank)
    return [mrkdwn("{} {}", emoji(ICONS[one.severity]), one.what) for one in grave]


def unknown_numbers(run: Run) -> list[Markup]:
    """Return the metrics of the card whose values mean nothing, each with the reason."""
    shown = [key for key in run.misleading if run.metrics and key.startswith(run.metrics)]
    return [say(MISLEADING, key=code(key), why=run.misleading[key]) for key in shown]
