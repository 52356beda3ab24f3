"""What a person typed, as Slack delivers it: with links, entities and mentions. Pure."""

import re
from collections.abc import Mapping, Sequence

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


UNNAMED_PERSON = re.compile(r"<@([UW][A-Z0-9]{1,40})>|(?<![\w<|@.])@([UW][A-Z]{0,20}[0-9][A-Z0-9]{0,40})(?![\w.])")
"""A person whom a text mentions by Slack's id alone."""

MAX_UNNAMED_PEOPLE = 10
"""Maximum people of one line whose names Slack is asked for."""


def list_unnamed_people(text: str) -> list[str]:
    """Return Slack's ids of the people whom a text mentions without their names, the first ones.

    >>> list_unnamed_people("list who=<@U0BEN> <@U0ANA|ana> @U0LEA")
    ['U0BEN', 'U0LEA']
    """
    people = dict.fromkeys(match[1] or match[2] for match in UNNAMED_PERSON.finditer(text))
    return list(people)[:MAX_UNNAMED_PEOPLE]


def name_people(text: str, names: Mapping[str, Sequence[str]]) -> str:
    """Return the text with a name in each mention that has none, where one is known; it has no spaces.

    >>> name_people("list who=<@U0BEN> @U0LEA", {"U0BEN": ("Ben Carter", "ben"), "U0LEA": ("Lea Zhou",)})
    'list who=<@U0BEN|ben> <@U0LEA|Lea_Zhou>'
    """

    def fill(match: re.Match[str]) -> str:
        user = match[1] or match[2]
        known = [re.sub(r"[<>|@#\"'`=,]", "", name) for name in names.get(user, ())]
        name = next((name for name in known if name and " " not in name), "_".join(known[0].split()) if known else "")
        return f"<@{user}|{name}>" if name else match[0]

    return UNNAMED_PERSON.sub(fill, text)
