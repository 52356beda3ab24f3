"""Sentences as values: what the bot will say, before it is known who reads it and in which language.

Everything below `slack/` and `cli/` speaks in these. A phrase keeps its key, which is the English sentence, and its
values; the views render it in the reader's language (bot/i18n.py). The same arguments give equal phrases under any
language, and a phrase that a run's record keeps is read by each reader in the reader's own language.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from gettext import NullTranslations

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "zh-CN": "简体中文"}
"""The available languages, each with its name in itself."""

ENGLISH_CATALOGUE = NullTranslations()
"""The catalogue that has no translation: every phrase is its own key."""

FIELD = re.compile(r"\{(\w+)\}")

MAX_INTEGER_BITS = 64
"""Integers of so many bits or more are kept as text: the JSON of records holds machine words."""

COUNT = "count"
"""The value that chooses between singular and plural."""

LIST_KEY = "{items}"
"""The key of a list. It has no translation: only its separator has."""


@dataclass(frozen=True, slots=True, init=False)
class Phrase:
    """A sentence, or a part of one, that is rendered later. `str()` of it is English.

    Attributes:
        key: the English phrase with named fields; what the catalogues are keyed by.
        values: what the fields are filled with. A tuple is a list of items, separated as the language does it.
        plural: the English phrase for any `count` but one; empty where the number changes nothing.

    >>> str(Phrase("{run} has {time} left", run="ppo-7f3a", time=Phrase("{count} h", count=2)))
    'ppo-7f3a has 2 h left'
    """

    key: str
    values: Mapping[str, "Value"]
    plural: str

    def __init__(self, key: str, /, **values: "Value") -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "values", {name: to_value(value) for name, value in values.items()})
        object.__setattr__(self, "plural", "")

    def __str__(self) -> str:
        return render_in(self, ENGLISH_CATALOGUE)

    def __bool__(self) -> bool:
        """Return whether there is anything to say, as for a string."""
        return bool(self.key)

    def __hash__(self) -> int:
        return hash(self.key)


PERSON_KEY, CHANNEL_KEY = "@{person}", "#{channel}"
"""The keys of a person and of a channel by Slack's id, which views show by name. They have no translation."""


def name_person(user: str) -> Phrase:
    """Return a person, by Slack's id, as a value of a phrase.

    >>> str(Phrase("Ask {whom}.", whom=name_person("U0ANA")))
    'Ask @U0ANA.'
    """
    return Phrase(PERSON_KEY, person=user)


def name_channel(channel: str) -> Phrase:
    """Return a channel, by Slack's id, as a value of a phrase."""
    return Phrase(CHANNEL_KEY, channel=channel)


def names_slack_ids(value: object) -> bool:
    """Return whether a phrase, or one in it, is a person or a channel.

    >>> names_slack_ids(Phrase("{a}", a=Phrase("{b}", b=name_person("U0ANA")))), names_slack_ids("@{person}")
    (True, False)
    """
    if isinstance(value, tuple):
        return any(map(names_slack_ids, value))
    if not isinstance(value, Phrase):
        return False
    return value.key in (PERSON_KEY, CHANNEL_KEY) or any(map(names_slack_ids, value.values.values()))


Text = Phrase | str
"""A phrase of the bot's own, or text from outside, which has no translation."""

Value = Text | int | tuple[Text, ...]
"""What a field of a phrase is filled with. Floats are formatted before: records are in JSON, which has no infinity."""


def to_value(value: object) -> Value:
    """Return a value of a phrase as records can keep it: what is neither text, a whole number nor a list is text.

    >>> to_value(True), to_value({"H100": 8}), to_value((1.5, Phrase("any text")))[0]
    ('True', "{'H100': 8}", '1.5')
    """
    if isinstance(value, Phrase) or (type(value) is int and value.bit_length() < MAX_INTEGER_BITS):
        return value
    if isinstance(value, tuple):
        return tuple(item if isinstance(item, Phrase) else str(item) for item in value)
    return str(value)


def plural_phrase(singular: str, plural: str, count: int, /, **values: Value) -> Phrase:
    """Return the phrase for a number, which is its value `count`.

    >>> str(plural_phrase("{count} node", "{count} nodes", 1)), str(plural_phrase("{count} node", "{count} nodes", 2))
    ('1 node', '2 nodes')
    """
    phrase = Phrase(singular, count=count, **values)
    object.__setattr__(phrase, "plural", plural)
    return phrase


def N_(key: str) -> str:  # noqa: N802  # the name that every translator knows
    """Return the key of a phrase unchanged: it is marked here for the catalogue, and made a phrase elsewhere."""
    return key


LIST_SEPARATOR = N_(", ")
"""The phrase between the items of a list."""


def join_sentences(*sentences: Text) -> Text:
    """Return the sentences that are not empty, one after the other.

    >>> str(join_sentences("One.", "", "Two."))
    'One. Two.'
    """
    nonempty = [sentence for sentence in sentences if sentence]
    return reduce(lambda before, after: Phrase("{before} {next}", before=before, next=after), nonempty or [""])


def join_list(items: Iterable[Text]) -> Phrase:
    """Return the items as a list.

    >>> str(join_list(["a", "b"]))
    'a, b'
    """
    return Phrase(LIST_KEY, items=tuple(items))


def join_alternatives(items: Iterable[Text]) -> Text:
    """Return the items as a choice between them.

    >>> str(join_alternatives(["a", "b", "c"]))
    'a or b or c'
    """
    return reduce(lambda before, after: Phrase("{before} or {after}", before=before, after=after), list(items) or [""])


def map_outside_text(text: Text, change: Callable[[str], str]) -> Text:
    """Return the text with everything in it changed that is not the bot's own phrase.

    >>> str(map_outside_text(Phrase("{run} failed: {why}", run="ppo-1", why="no gpu"), str.upper))
    'PPO-1 failed: NO GPU'
    """
    if isinstance(text, str):
        return change(text)
    mapped = Phrase(text.key, **{name: map_value(value, change) for name, value in text.values.items()})
    object.__setattr__(mapped, "plural", text.plural)
    return mapped


def map_value(value: Value, change: Callable[[str], str]) -> Value:
    """Return a value of a phrase with the text from outside in it changed."""
    if isinstance(value, tuple):
        return tuple(map_outside_text(item, change) for item in value)
    return map_outside_text(value, change) if isinstance(value, Phrase | str) else value


def render_in(text: Text, catalogue: NullTranslations) -> str:
    """Return a text in the language of a catalogue, its values filled in. A text from outside stays as it is."""
    if isinstance(text, str):
        return text
    values = {name: render_value(value, catalogue) for name, value in text.values.items()}
    return fill_fields(translate_key(text, catalogue), get_english_key(text), values)


def render_value(value: Value, catalogue: NullTranslations) -> object:
    """Return what a field is filled with, in the language of a catalogue."""
    if isinstance(value, Phrase):
        return render_in(value, catalogue)
    if isinstance(value, tuple):
        return catalogue.gettext(LIST_SEPARATOR).join(render_in(item, catalogue) for item in value)
    return value


def translate_key(phrase: Phrase, catalogue: NullTranslations) -> str:
    """Return the phrase in the language of a catalogue, its fields not filled."""
    if phrase.plural:
        return catalogue.ngettext(phrase.key, phrase.plural, get_count(phrase))
    return catalogue.gettext(phrase.key) if phrase.key else ""  # the empty key is the catalogue's header


def get_english_key(phrase: Phrase) -> str:
    """Return the English phrase for the number that it names."""
    return phrase.plural if phrase.plural and get_count(phrase) != 1 else phrase.key


def get_count(phrase: Phrase) -> int:
    """Return the number that a phrase names; of a stored phrase that has lost it, 0."""
    count = phrase.values.get(COUNT)
    return count if isinstance(count, int) else 0


def fill_fields(translation: str, english: str, values: Mapping[str, object]) -> str:
    """Return the translation with its fields filled; the English phrase where the translation names other fields.

    Only plain names are fields, unlike in `str.format`: a phrase may come from the store, and must neither reach into
    its values nor ask for a million blanks.

    >>> fill_fields("{count:>9} {count.real} {count}", "", {"count": 2})
    '{count:>9} {count.real} 2'
    """
    if not values:
        return translation
    try:
        return FIELD.sub(lambda field: str(values[field[1]]), translation)
    except LookupError:
        return FIELD.sub(lambda field: str(values.get(field[1], field[0])), english)


def describe_duration(span: timedelta) -> Phrase:
    """Return a duration in two units at most.

    >>> str(describe_duration(timedelta(seconds=80))), str(describe_duration(timedelta(minutes=132)))
    ('1 min 20 s', '2 h 12 min')
    >>> str(describe_duration(timedelta(minutes=1)))
    '1 min'
    """
    seconds = max(round(span.total_seconds()), 0)
    if seconds < 60:
        return Phrase("{count} s", count=seconds)
    if seconds < 600 and seconds % 60:
        return Phrase("{minutes} min {seconds} s", minutes=seconds // 60, seconds=seconds % 60)
    if seconds < 3600:
        return Phrase("{count} min", count=seconds // 60)
    if seconds % 3600 < 60:
        return Phrase("{count} h", count=seconds // 3600)
    return Phrase("{hours} h {minutes} min", hours=seconds // 3600, minutes=seconds % 3600 // 60)
