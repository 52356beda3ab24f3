"""What people read, in the language of whoever is being spoken to.

The English phrases stand in the code and are their own keys (gettext's model); `languages/*.po` hold
what other languages say instead. A phrase is a whole sentence with named fields, because another
language may order them otherwise. Whoever speaks says to whom once, by `speaking`; everything below
just says. A phrase that a language lacks is said in English.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import lru_cache, reduce
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from io import BytesIO
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "zh-CN": "简体中文"}
"""The languages that there are, each with what it calls itself."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A language and its phrases."""

    language: str
    phrases: NullTranslations


AS_WRITTEN = Spoken(ENGLISH, NullTranslations())

_spoken: ContextVar[Spoken] = ContextVar("spoken", default=AS_WRITTEN)


def spoken() -> str:
    """The language that is spoken here."""
    return _spoken.get().language


@contextmanager
def speaking(language: str, phrases: NullTranslations | None = None) -> Iterator[None]:
    """Everything within is said in this language; in English where there is no such one.

    Args:
        phrases: in place of the language's own.

    >>> with speaking("zh-CN"):
    ...     say("{count} h", count=2)
    '2 小时'
    """
    before = _spoken.set(Spoken(language, phrases or catalogue(language)))
    try:
        yield
    finally:
        _spoken.reset(before)


def speak(language: str) -> None:
    """From here on, and to the end of this context, say everything in this language."""
    _spoken.set(Spoken(language, catalogue(language)))


def carried(function: Callable[P, T]) -> Callable[P, T]:
    """The function as another thread shall call it: in the language that is spoken here."""
    context = copy_context()

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(function, *args, **kwargs)

    return call


def say(phrase: str, /, **fields: object) -> str:
    """The phrase, its named fields filled in. What comes from outside is escaped before it gets here.

    Text that is no phrase of ours, such as the title of a team's own recipe, stays as it is.

    >>> say("{count} h", count=2), say("as {it} is")
    ('2 h', 'as {it} is')
    """
    return filled(translated(phrase), phrase, fields)


def say_many(one: str, many: str, count: int, /, **fields: object) -> str:
    """The phrase for so many, with the number as its field `count`.

    >>> say_many("{count} node", "{count} nodes", 1), say_many("{count} node", "{count} nodes", 2)
    ('1 node', '2 nodes')
    """
    english = one if count == 1 else many
    return filled(translated_many(one, many, count), english, {"count": count} | fields)


def translated(phrase: str) -> str:
    """Return the phrase in the language that is spoken, its fields not yet filled in; as it is where it is none."""
    return _spoken.get().phrases.gettext(phrase) if phrase else ""  # the empty one is the catalogue's header


def translated_many(one: str, many: str, count: int) -> str:
    """Return the phrase for so many, its fields not yet filled in."""
    return _spoken.get().phrases.ngettext(one, many, count)


def mark(phrase: str) -> str:
    """A phrase that is said later, by `say`: here it is only found for the catalogue."""
    return phrase


def together(*sentences: str) -> str:
    """The sentences that there are, one after the other.

    >>> together("One.", "", "Two.")
    'One. Two.'
    """
    found = [sentence for sentence in sentences if sentence]
    return reduce(lambda before, next_one: say("{before} {next}", before=before, next=next_one), found or [""])


def listing(items: Iterable[str]) -> str:
    """
    >>> listing(["a", "b"])
    'a, b'
    """
    return say(", ").join(items)


def filled(said: str, english: str, fields: Mapping[str, object]) -> str:
    """The phrase with its fields; the English one where the translator's asks for others."""
    if not fields:
        return said
    try:
        return said.format_map(fields)
    except (LookupError, ValueError):
        return english.format_map(fields)


@lru_cache
def catalogue(language: str) -> NullTranslations:
    """A language's phrases as its file has them, by the plural rules that stand there. Babel reads it, once."""
    if language == ENGLISH or language not in LANGUAGES:
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415  # English needs none of it
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = BytesIO()
    with (resources.files("bot") / "languages" / file_name(language)).open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return GNUTranslations(compiled)


def file_name(language: str) -> str:
    """
    >>> file_name("zh-CN")
    'zh_CN.po'
    """
    return f"{language.replace('-', '_')}.po"
