"""What a person typed, as Slack delivers it: with links, entities and mentions. Pure."""

import re

from bot.slack.views.mrkdwn import ENTITIES, ENTITY_PATTERN

TYPED_LINK = re.compile(r"<((?:https?|mailto):[^|<>]*+)(?:\|([^<>]*+))?>")
LEADING_MENTION = re.compile(r"^\s*<@[^>]+>[\s:,]*")


def restore_typed_text(text: str) -> str:
    """Return what a person typed, before Slack made links of it and escaped it.

    >>> restore_typed_text("launch ppo bucket=<http://a.b/c|a.b/c> x=a&amp;b")
    'launch ppo bucket=a.b/c x=a&b'
    """
    unlinked = TYPED_LINK.sub(lambda link: link[2] or link[1].removeprefix("mailto:"), text)
    return ENTITY_PATTERN.sub(lambda entity: ENTITIES[entity[0]], unlinked)


def strip_mention(text: str) -> str:
    """Return the text of a mention without the bot's name at its beginning, and without back-ticks around the rest.

    >>> strip_mention("<@U0BOT> `launch ppo`")
    'launch ppo'
    """
    rest = LEADING_MENTION.sub("", text).strip()
    return rest.strip("`") if rest.startswith("`") and rest.endswith("`") else rest
