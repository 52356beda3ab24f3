"""Messages of a run that stayed in a channel which the bot had to leave: each is corrected once the bot may edit again.

The run's thread begins again in a direct message. What the channel shows of the run would stay as it was, such as
*running*, so the record keeps where those messages are. Pure.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model.run import Run
from bot.slack.views.message import Message

LEFT_KEY = "left {channel} {key}"

KEEP_TRYING = timedelta(days=7)
"""How long after the end of a run the bot tries to correct such a message: some channels never let the bot in again."""

LEFT_PERIOD_FACTOR = 5
"""Time between two edits of such a message, as a multiple of a card's: people read the thread elsewhere now."""


def keep_left_messages(run: Run, keys: Collection[str]) -> Run:
    """Return the run with those of its messages kept that stay in the channel of its thread.

    Args:
        keys: of the messages that are edited as the run changes.
    """
    channel = run.message_channel
    for key in keys:
        sent = run.messages.sent.get(key)
        if sent and sent.ts and not sent.channel:
            kept = replace(sent, channel=channel, repeated_since=None)
            name = LEFT_KEY.format(channel=channel, key=key)
            run = replace(run, messages=run.messages.record_sent(name, kept))
    return run


def list_left_messages(run: Run, desired: Sequence[Message], now: datetime) -> list[Message]:
    """Return what the messages that stayed in other channels should show: the same as those that replaced them."""
    if run.closed_at and now > run.closed_at + KEEP_TRYING:
        return []
    messages = {message.key: message for message in desired}
    return [
        replace(messages[parts[2]], key=name, period_factor=LEFT_PERIOD_FACTOR, broadcast=False)
        for name in run.messages.sent
        if len(parts := name.split(" ", 2)) == 3 and is_left(name) and parts[2] in messages
    ]


def is_left(name: str) -> bool:
    """Return whether this is the key of a message that stayed in another channel.

    >>> is_left(LEFT_KEY.format(channel="C0TRAIN", key="card")), is_left("card")
    (True, False)
    """
    return name.startswith(LEFT_KEY.partition("{")[0])
