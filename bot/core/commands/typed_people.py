"""People as they are typed in a command: by a mention, by Slack's id, or by a name."""

import re

from bot.core.model.typed_text import ParsedArguments, format_inline_code
from bot.errors import UserError
from bot.phrase import Phrase

PERSON_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*+)?>")
"""A mention as Slack writes it: `<@U0ANA|ana>`."""

PERSON_ID = re.compile(r"@([UW][A-Z]{0,20}[0-9][A-Z0-9]{0,40})")
"""A person's id as it is shown where Slack renders no mention: `@U0ANA`."""


def match_person(text: str) -> re.Match[str] | None:
    """Return the match of a person's mention, or id, whose first group is the id; None for another text."""
    return PERSON_MENTION.fullmatch(text) or PERSON_ID.fullmatch(text)


def refuse_user_group(text: str) -> None:
    """Raise UserError if a user group is named where a person is expected."""
    if text.lower().startswith("<!subteam"):
        problem = Phrase("{group} is a user group.", group=format_inline_code(text))
        raise UserError(problem, Phrase("Name a person, such as `@ana`."))


def parse_person(arguments: ParsedArguments) -> str:
    """Return Slack's id of the person after `who=`, or the name as typed, in small letters; `me` for the person who
    types; empty where none was typed.
    """
    text = arguments.get_option("who") or ""
    refuse_user_group(text)
    mentioned = match_person(text)
    return mentioned[1] if mentioned else text.lower()
