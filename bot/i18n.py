"""Texts for people, in the reader's language.

The English phrases are in the code and are their own keys (gettext's model); `languages/*.po` hold the translations.
A phrase is a whole sentence with named fields, because another language may order them differently. The code that
serves a reader sets the language once, by `use_language`; everything below it only translates. A phrase that has no
translation is shown in English.
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
"""The available languages, each with its name in itself."""


@dataclass(frozen=True, slots=True)
class ActiveLanguage:
    """A language and its phrases."""

    language: str
    phrases: NullTranslations


DEFAULT_LANGUAGE = ActiveLanguage(ENGLISH, NullTranslations())

_active_language: ContextVar[ActiveLanguage] = ContextVar("spoken", default=DEFAULT_LANGUAGE)


def current_language() -> str:
    """Return the current language."""
    return _active_language.get().language


@contextmanager
def use_language(language: str, phrases: NullTranslations | None = None) -> Iterator[None]:
    """Use this language within the context; English where the language does not exist.

    Args:
        phrases: in place of the language's own.

    >>> with use_language("zh-CN"):
    ...     translate("{count} h", count=2)
    '2 小时'
    """
    token = _active_language.set(ActiveLanguage(language, phrases or load_catalogue(language)))
    try:
        yield
    finally:
        _active_language.reset(token)


def set_language(language: str) -> None:
    """Use this language from here to the end of the current context."""
    _active_language.set(ActiveLanguage(language, load_catalogue(language)))


def with_language_context(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function wrapped so that another thread runs it in the current language."""
    context = copy_context()

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(function, *args, **kwargs)

    return call


def translate(phrase: str, /, **fields: object) -> str:
    """Return the translated phrase with its named fields filled in. Text from outside must be escaped before.

    Text that is not one of the bot's phrases, such as the title of a team's own recipe, stays as it is.

    >>> translate("{count} h", count=2), translate("as {it} is")
    ('2 h', 'as {it} is')
    """
    return fill_fields(translate_template(phrase), phrase, fields)


def ngettext(singular: str, plural: str, count: int, /, **fields: object) -> str:
    """Return the translated phrase for a number, which is its field `count`.

    >>> ngettext("{count} node", "{count} nodes", 1), ngettext("{count} node", "{count} nodes", 2)
    ('1 node', '2 nodes')
    """
    english = singular if count == 1 else plural
    return fill_fields(translate_plural(singular, plural, count), english, {"count": count} | fields)


def translate_template(phrase: str) -> str:
    """Return the phrase in the current language without its fields; unchanged where there is no translation."""
    return _active_language.get().phrases.gettext(phrase) if phrase else ""  # the empty key is the catalogue's header


def translate_plural(singular: str, plural: str, count: int) -> str:
    """Return the phrase for a number in the current language without its fields."""
    return _active_language.get().phrases.ngettext(singular, plural, count)


def N_(phrase: str) -> str:  # noqa: N802  # the name that every translator knows
    """Return the phrase unchanged: it is translated later, and marked here for the catalogue."""
    return phrase


def join_sentences(*sentences: str) -> str:
    """Return the sentences that are not empty, one after the other.

    >>> join_sentences("One.", "", "Two.")
    'One. Two.'
    """
    nonempty = [sentence for sentence in sentences if sentence]
    return reduce(
        lambda before, next_sentence: translate("{before} {next}", before=before, next=next_sentence), nonempty or [""]
    )


def join_list(items: Iterable[str]) -> str:
    """Return the items as a list, separated as the language does it.

    >>> join_list(["a", "b"])
    'a, b'
    """
    return translate(", ").join(items)


def fill_fields(translation: str, english: str, fields: Mapping[str, object]) -> str:
    """Return the translation with its fields; the English phrase where the translation names other fields."""
    if not fields:
        return translation
    try:
        return translation.format_map(fields)
    except (LookupError, ValueError):
        return english.format_map(fields)


@lru_cache
def load_catalogue(language: str) -> NullTranslations:
    """Return a language's phrases from its file, with its plural rules. Babel reads the file, once."""
    if language == ENGLISH or language not in LANGUAGES:
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415  # English does not need it
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = BytesIO()
    with (resources.files("bot") / "languages" / catalogue_file_name(language)).open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return GNUTranslations(compiled)


def catalogue_file_name(language: str) -> str:
    """Return the name of a language's file.

    >>> catalogue_file_name("zh-CN")
    'zh_CN.po'
    """
    return f"{language.replace('-', '_')}.po"
