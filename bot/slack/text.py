"""Text between people, Slack and the outside world: what must be escaped, and what Slack has changed."""

import re
from datetime import UTC, datetime

LINK = re.compile(r"<((?:https?|mailto):[^|<>]*+)(?:\|([^<>]*+))?>")
ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
MENTION = re.compile(r"^\s*<@[^>]+>[\s:,]*")


def escape(text: str) -> str:
    """Text from outside as Slack's mrkdwn may hold it: it cannot ping anybody nor forge a link.

    >>> escape("<!channel> & co")
    '&lt;!channel&gt; &amp; co'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_typed(text: str) -> str:
    """What a person typed before Slack made links of it and escaped it.

    >>> as_typed("launch ppo bucket=<http://a.b/c|a.b/c> x=a&amp;b")
    'launch ppo bucket=a.b/c x=a&b'
    """
    unlinked = LINK.sub(lambda link: link[2] or link[1].removeprefix("mailto:"), text)
    return re.sub("|".join(ENTITIES), lambda entity: ENTITIES[entity[0]], unlinked)


def without_mention(text: str) -> str:
    """The text of a mention without the bot's name at its beginning, and without back-ticks around the rest.

    >>> without_mention("<@U0BOT> `launch ppo`")
    'launch ppo'
    """
    rest = MENTION.sub("", text).strip()
    return rest.strip("`") if rest.startswith("`") and rest.endswith("`") else rest


def date(moment: datetime, form: str = "{time}") -> str:
    """A moment that every reader sees in a time zone of his own; UTC where a client cannot."""
    return f"<!date^{int(moment.timestamp())}^{form}|{moment.astimezone(UTC):%H:%M} UTC>"


def code(text: str) -> str:
    """Text from outside in a line of code, which its own back-ticks cannot end."""
    return f"`{escape(text.replace('`', chr(39)))}`"
