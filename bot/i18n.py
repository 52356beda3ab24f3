"""Texts for people, in the reader's language.

The English phrases are in the code and are their own keys (gettext's model); `languages/*.po` hold the translations.
A phrase is a whole sentence with named fields, because another language may order them differently. The code that
serves a reader sets the language once, by `use_language`; the views translate, and render the phrases that come from
below (bot/phrase.py). A phrase that has no translation is shown in English.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from io import BytesIO
from typing import ParamSpec, TypeVar

from bot.phrase import (
    ENGLISH,
    ENGLISH_CATALOGUE,
    LANGUAGES,
    Phrase,
    Text,
    Value,
    plural_phrase,
    render_in,
    translate_key,
)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ActiveLanguage:
    """A language and its phrases."""

    language: str
    phrases: NullTranslations


DEFAULT_LANGUAGE = ActiveLanguage(ENGLISH, ENGLISH_CATALOGUE)

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


def render(text: Text) -> str:
    """Return a phrase in the current language; a text from outside as it is.

    >>> render(Phrase("{count} h", count=2)), render("as it is")
    ('2 h', 'as it is')
    """
    return render_in(text, _active_language.get().phrases)


def translate(phrase: str, /, **fields: Value) -> str:
    """Return the translated phrase with its named fields filled in. Text from outside must be escaped before.

    Text that is not one of the bot's phrases, such as the title of a team's own recipe, stays as it is.

    >>> translate("{count} h", count=2), translate("as {it} is")
    ('2 h', 'as {it} is')
    """
    return render(Phrase(phrase, **fields))


def ngettext(singular: str, plural: str, count: int, /, **fields: Value) -> str:
    """Return the translated phrase for a number, which is its field `count`.

    >>> ngettext("{count} node", "{count} nodes", 1), ngettext("{count} node", "{count} nodes", 2)
    ('1 node', '2 nodes')
    """
    return render(plural_phrase(singular, plural, count, **fields))


def translate_template(phrase: str) -> str:
    """Return the phrase in the current language without its fields; unchanged where there is no translation."""
    return translate_key(Phrase(phrase), _active_language.get().phrases)


def translate_key_of(phrase: Phrase) -> str:
    """Return a phrase in the current language without its fields, in the plural where its number asks for it."""
    return translate_key(phrase, _active_language.get().phrases)


def translate_plural(singular: str, plural: str, count: int) -> str:
    """Return the phrase for a number in the current language without its fields."""
    return _active_language.get().phrases.ngettext(singular, plural, count)


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
