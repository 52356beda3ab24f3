"""Alerts about safeguards that fail: an autostop that someone changed, a cluster that is not removed. Pure: a record
in, messages of its thread out.
"""

from bot.core.autostop import Mending
from bot.core.run import Run
from bot.core.status import Status
from bot.language import mark
from bot.slack import words
from bot.slack.blocks import section
from bot.slack.message import Message
from bot.slack.phrases import say, together
from bot.slack.text import Markup, code, command, escape, mention, mrkdwn

CANCELLED = mark("Its autostop was cancelled outside of verlbot.")
CHANGED = mark("Its autostop was changed outside of verlbot, to {minutes} idle min.")
NEVER_SET = mark("Its cluster stands without its autostop.")
BY = mark("SkyPilot names {person}.")
BY_NOBODY = mark("By whom is not known; SkyPilot itself does so to a cluster that it takes for broken.")
SETTING = mark("I am setting it to {minutes} idle min, as asked.")
SET = mark("It is set to {minutes} idle min, as asked.")
CANNOT = mark("It cannot be set here, and the lease alone guards it: {why}")

STANDS_STILL = mark("*Its cluster does not go*: {time} after its end it still stands.")
BILLS_STILL = mark("*Its cluster does not go*: {time} after its end it still stands, and bills {rate}.")
GOES_ON = mark("I go on asking for its removal.")
BY_HAND = mark("Remove it by hand: {command}")


def guard_messages(run: Run) -> list[Message]:
    """Return the alerts of a run. Each is also posted in the channel, because it is about unwatched cost."""
    return [message for message in (autostop(run), alarm(run)) if message]


def autostop(run: Run) -> Message | None:
    """Return the message about a changed autostop; each change has a message of its own. None if nothing changed."""
    found = run.mending
    if found is None:
        return None
    text = together(what(found), who(found), outcome(run, found))
    state = "over" if found.over else "tried"
    return told(run, f"autostop-{found.since.timestamp():.0f}", mrkdwn(":zzz: {}", text), state)


def what(found: Mending) -> Markup:
    """Return how the autostop was changed."""
    if found.found is not None:
        return say(CHANGED, minutes=found.found)
    return say(CANCELLED) if found.was_set else say(NEVER_SET)


def who(found: Mending) -> Markup:
    """Return who changed the autostop according to the cloud; empty before the cloud was queried."""
    # The cloud names an author once it accepts a new setting; an autostop that was never set has none.
    if found.setting is None or (found.found is None and not found.was_set):
        return Markup()
    return say(BY, person=code(found.setting.by)) if found.setting.by else say(BY_NOBODY)


def outcome(run: Run, found: Mending) -> Markup:
    """Return whether the bot could set the autostop again."""
    if found.refused:
        return say(CANNOT, why=found.refused)
    return say(SET if found.mended_at else SETTING, minutes=run.autostop_asked)


def alarm(run: Run) -> Message | None:
    """Return the alert about a cluster that is not removed.

    None once the run has ended: the alert is never sent late, because a cluster that is gone needs none.
    """
    if run.alarmed_at is None or run.over_at is None or run.status is not Status.STOPPING:
        return None
    time = words.lasted(run.alarmed_at - run.over_at)
    stands = say(STANDS_STILL, time=time)
    if run.hourly:
        stands = say(BILLS_STILL, time=time, rate=words.hourly(run.hourly.dollars_per_hour))
    typed = say(BY_HAND, command=command(run.by_hand)) if run.by_hand else Markup()
    why = escape(run.trouble or "")
    return told(run, "alarm", mrkdwn(":rotating_light: {}", together(stands, why, say(GOES_ON), typed)), "")


def told(run: Run, key: str, text: Markup, state: str) -> Message:
    """Return an alert with a mention of the requester."""
    blocks = (section(mrkdwn("{} {}", text, mention(run.requester))),)
    return Message(key, text, blocks, urgent=state, edited=bool(state), broadcast=True)
