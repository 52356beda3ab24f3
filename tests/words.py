"""The phrases of the code and of the packaged recipes, and the catalogues that must hold them all: `make words`."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bot.adapters.files.recipe_files import RecipeFolder
from bot.config.operation_settings import SOURCE_RECIPES
from bot.i18n import catalogue_file_name
from bot.phrase import ENGLISH, LANGUAGES

ROOT = Path(__file__).parent.parent
CATALOGUES = ROOT / "bot" / "languages"
TRANSLATED = [language for language in LANGUAGES if language != ENGLISH]

KEYWORDS: dict[str, Any] = {
    "Phrase": None,
    "translate": None,
    "render_phrase": None,
    "N_": None,
    "ngettext": (1, 2),
    "plural_phrase": (1, 2),
    "render_plural": (1, 2),
}
"""What says a phrase, and which of its arguments are phrases."""

PLURALS = ("ngettext", "plural_phrase", "render_plural")
"""Those of them that take a singular and a plural."""

FIELD = re.compile(r"(?<!\{)\{([^{}]*)\}(?!\})")
CODE = re.compile(r"`[^`]*`")


def calls(code: bytes, names: Iterable[str]) -> list[ast.Call]:
    """Calls of the functions of these names, as they stand in the text."""
    found = [one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]
    named = [one for one in found if isinstance(one.func, ast.Name) and one.func.id in names]
    return sorted(named, key=lambda one: (one.lineno, one.col_offset))


Found = tuple[int, str, Any, list[str]]


def phrases_in(file: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Found]:
    """Babel's way to ask for the phrases of a file. Its own reader does not look into f-strings; this one does."""
    for call in calls(file.read(), keywords):
        if isinstance(call.func, ast.Name):
            given = call.args[: 2 if call.func.id in PLURALS else 1]
            texts = [one.value if isinstance(one, ast.Constant) else None for one in given]
            if None not in texts:
                yield call.lineno, call.func.id, texts[0] if len(texts) == 1 else tuple(texts), []


def unsayable() -> list[str]:
    """Return the places of f-strings and sums, which no catalogue can hold, and of literals that are one of two
    possible arguments, which `phrases_in` does not find.
    """
    found = []
    for path in sorted((ROOT / "bot").rglob("*.py")):
        for call in calls(path.read_bytes(), KEYWORDS):
            choices = [way for one in call.args if isinstance(one, ast.IfExp) for way in (one.body, one.orelse)]
            hidden = [one for one in choices if isinstance(one, ast.Constant)]
            built = [one for one in (*call.args, *choices) if isinstance(one, ast.JoinedStr | ast.BinOp)]
            found += [f"{path}:{one.lineno}" for one in (*built, *hidden)]
    return found


@cache
def phrases() -> Catalog:
    """Every phrase of the code and of the recipes that come with it, in the order of their places."""
    found = Catalog(project="verlbot", charset="utf-8", fuzzy=False)
    code = extract_from_dir(
        ROOT / "bot", [("**.py", "tests.words:phrases_in")], keywords=KEYWORDS, options_map={"**.py": {}}
    )
    for path, _, message, _, _ in code:
        found.add(message, locations=[(f"bot/{path}", 0)])
    for path, message in phrases_of_recipes():
        found.add(message, locations=[(path, 0)])
    return found


def phrases_of_recipes() -> Iterator[tuple[str, str]]:
    recipes = RecipeFolder(SOURCE_RECIPES)
    for name in recipes.list_names():
        recipe = recipes.get(name)
        own = [recipe.title, recipe.description, *recipe.secrets.values()]
        for parameter in recipe.parameters:
            own += [parameter.meaning, parameter.shape, parameter.unit]
        yield from ((f"recipes/{name}.yaml", text) for text in own if text)


def catalogue(language: str) -> Catalog:
    path = CATALOGUES / catalogue_file_name(language)
    if not path.exists():
        return Catalog(locale=language.replace("-", "_"), charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language.replace("-", "_"))


def written(message: Message) -> list[str]:
    """The phrase as the code has it: one, or two where there is a plural."""
    return [message.id] if isinstance(message.id, str) else list(message.id)


def translated(message: Message) -> list[str]:
    """What a catalogue says for it: one, or as many as the language has plurals."""
    return [message.string] if isinstance(message.string, str) else list(message.string or [""])


HEADER = """\
# What verlbot says in other words than English ones. Which words to use: docs/languages.md.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"

"""


def as_file(found: Catalog, language: str) -> bytes:
    """The catalogue as in its file: of a header's lines those that a person reads."""
    body = BytesIO()
    write_po(body, found, width=110, sort_output=False, include_lineno=False, omit_header=True)
    return HEADER.format(language=language.replace("-", "_"), plurals=found.plural_forms).encode() + body.getvalue()


def update() -> None:
    """Bring every catalogue up to the code: new phrases come in empty, those that are gone go."""
    for language in TRANSLATED:
        found = catalogue(language)
        found.update(phrases(), no_fuzzy_matching=True, update_creation_date=False)
        found.obsolete.clear()
        with (CATALOGUES / catalogue_file_name(language)).open("wb") as file:
            file.write(as_file(found, language))
        lacking = [message for message in found if message.id and not all(translated(message))]
        print(f"{language}: {len(found)} phrases, {len(lacking)} without a translation")  # noqa: T201


if __name__ == "__main__":
    update()
