"""Phrases as Slack's mrkdwn: what is filled in is escaped, unless it is markup already.

Whatever is said in a section, a context, a question or the text of a message is said by these; what is said in plain
text alone, such as the label of a field, by those of `bot.language`, which escape nothing.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce

from bot import language
from bot.slack.text import Markup, escape, escaped, in_code, joined

PHRASE_TEXT = 3_000
"""Characters of a phrase of ours, which has far fewer."""

CODE = re.compile("`[^`]*`")
FIELD = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")

IN_CODE = "__in_code"
"""What the name of a field ends in where it stands within code of the phrase, as in "`/verl logs {run}`"."""


def say(phrase: str, /, **fields: object) -> Markup:
    """Return the phrase in the language that is spoken, its named fields filled in and escaped.

    The phrase may be shaped, as `*{run}*`, but it calls nobody and links nothing: markup that does is a field.

    >>> say("{who} & {what}", who="<!channel>", what=Markup("<@U0ANA>"))
    '&lt;!channel&gt; &amp; <@U0ANA>'
    """
    return filled(language.translated(phrase), phrase, fields)


def say_many(one: str, many: str, count: int, /, **fields: object) -> Markup:
    """Return the phrase for so many, with the number as its field `count`."""
    english = one if count == 1 else many
    return filled(language.translated_many(one, many, count), english, {"count": count} | fields)


def translate(text: str) -> Markup:
    """Return a text that may be a phrase, such as the title of a recipe: as the catalogue has it, and escaped."""
    return escape(language.translated(text))


def together(*sentences: str) -> Markup:
    """Return the sentences that there are, one after the other."""
    found = [escape(sentence) for sentence in sentences if sentence]
    return reduce(lambda before, after: say("{before} {next}", before=before, next=after), found or [Markup()])


def listing(items: Iterable[object]) -> Markup:
    """Return the items, with what stands between the items of a list."""
    return joined(language.say(", "), items)


def filled(said: str, english: str, fields: Mapping[str, object]) -> Markup:
    """Return what is said, with its own three characters and its fields escaped."""
    safe = {name: escape(value) for name, value in fields.items()}
    spoken, written = template(said), template(english)
    if IN_CODE in spoken or IN_CODE in written:
        safe |= {f"{name}{IN_CODE}": in_code(value) for name, value in fields.items()}
    return Markup(language.filled(spoken, written, safe))


@lru_cache(maxsize=4_096)
def template(phrase: str) -> str:
    """Return a phrase of ours with its three characters escaped, and its fields within code told from the others.

    >>> template("`/verl logs {run}` & {more}")
    '`/verl logs {run__in_code}` &amp; {more}'
    """
    marked = CODE.sub(lambda code: FIELD.sub(rf"{{\1{IN_CODE}}}", code[0]), phrase)
    return escaped(marked, PHRASE_TEXT)
