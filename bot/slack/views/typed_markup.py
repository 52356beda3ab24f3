"""What a person typed, as Slack delivers it: with links, entities and mentions. Pure."""

import re
from collections.abc import Mapping, Sequence
from unicodedata import normalize

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

PLAIN_NAME = re.compile(r"[\w.-]{1,20}", re.ASCII)
NAME_WORD = re.compile(r"[^\W_]+")
MAX_LABEL_CHARACTERS = 20
"""Maximum characters of a name in a mention: enough to know a person, and fewer than most keys and tokens have."""

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
    """Return the text with a name in each mention that has none, where one is known.

    A name is whatever its owner chose, and stands in another person's command: it can add neither a word nor a setting.

    >>> name_people("list who=<@U0BEN> @U0LEA", {"U0BEN": ("Ben Carter", "ben"), "U0LEA": ("Lea Zhou",)})
    'list who=<@U0BEN|ben> <@U0LEA|Lea.Zhou>'
    >>> name_people("budget <@U0EVE>", {"U0EVE": ("x\uff1e\u3000budget\uff1d99\u3000--yes",)})
    'budget <@U0EVE|x.budget.99.yes>'
    """

    def fill(match: re.Match[str]) -> str:
        user = match[1] or match[2]
        own = names.get(user, ())
        name = next((name for name in own if PLAIN_NAME.fullmatch(name)), own[0] if own else "")
        label = ".".join(NAME_WORD.findall(normalize("NFKC", name)))[:MAX_LABEL_CHARACTERS]
        return f"<@{user}|{label}>" if label else match[0]

    return UNNAMED_PERSON.sub(fill, text)
