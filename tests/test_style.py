"""What people read is written by the rules of docs/style.md: phrases, documents, `--help`, settings and recipes."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from bot.__main__ import ACTIONS
from bot.cli.command_line import build_parser
from bot.cli.demo_guide import GUIDE
from bot.config.settings import Settings
from tests.naming import (
    ROOT,
    find_banned,
    list_page_comments,
    list_page_texts,
    read_modules,
    read_word_lists,
    without_bad_examples,
    without_code,
)
from tests.words import phrases_of_recipes

OLD_PATTERNS = [pattern for name in ("people", "prose") for pattern in read_word_lists()[name]]
PERCENT_WITH_A_SPACE = re.compile(r"(?:\d|\}) %(?!\()")
PAGES = [
    *sorted(path for path in (ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "playground/README.md")),
]
"""The pages that are read for old patterns."""

PAGE = ROOT / "playground" / "web" / "src"
"""The source of the playground's page."""

PAGE_PARTS = [ROOT / "playground" / "web" / part for part in ("src", "mock", "test")]
"""The page, the server that developers try it with, and its tests."""

DEPLOYMENT = [
    *sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
    *(ROOT / name for name in ("Dockerfile", "docker-compose.yml", "Makefile", ".ci/run")),
]
"""The files that people copy, edit and run."""


def find_old_patterns(texts: list[str]) -> list[str]:
    """Return what is written by the old patterns, each with the words around it."""
    spaced = [match[0] for text in texts for match in PERCENT_WITH_A_SPACE.finditer(without_code(text))]
    return [*find_banned(texts, OLD_PATTERNS), *spaced]


def list_help_texts(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield what `--help` prints for a command and for those below it."""
    yield " ".join(parser.format_help().split())
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from list_help_texts(command)


def list_settings() -> list[str]:
    """Return the meanings of the settings."""
    return [str(one.metadata["meaning"]) for one in fields(Settings) if one.metadata]


@pytest.mark.parametrize("folder", ["bot", "playground/slack_playground"])
def test_no_text_of_the_code_has_an_old_pattern(folder: str) -> None:
    """Phrases, `verlbot doctor`, the demo's guide, the replay, errors and log lines."""
    modules = read_modules(folder)
    assert sum(len(module.texts) for module in modules) > 100
    found = {str(module.path): find_old_patterns(list(module.texts)) for module in modules}
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_the_texts_of_the_code_are_those_of_the_doctor_and_of_the_guide() -> None:
    texts = {module.path.stem: module.texts for module in read_modules("bot/cli")}
    assert "Set the clock by NTP: `timedatectl set-ntp true`." in texts["slack_checks"]
    assert "no usable store at {}: {}" in texts["installation_checks"]
    assert {text for step in GUIDE for text in (step.title, step.text)} <= set(texts["demo_guide"])


def test_the_playgrounds_page_has_no_old_pattern() -> None:
    texts = {path: list_page_texts(path.read_text()) for path in sorted(PAGE.rglob("*.ts*"))}
    assert any("Press the first command of the guide" in text for found in texts.values() for text in found)
    found = {str(path.relative_to(PAGE)): find_old_patterns(found) for path, found in texts.items()}
    assert {path: hits for path, hits in found.items() if hits} == {}


@pytest.mark.parametrize("folder", ["playground", "docs", "benchmarks", "tests"])
def test_docstrings_and_comments_have_no_old_pattern(folder: str) -> None:
    """Those of `bot` are in tests/test_naming.py; of `tests`, those of the modules that tests share."""
    modules = [module for module in read_modules(folder) if not module.path.name.startswith("test_")]
    assert len(modules) > 5
    found = {str(module.path): find_old_patterns(list(module.prose)) for module in modules}
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_the_pages_comments_and_its_tests_have_no_old_pattern() -> None:
    sources = {path: path.read_text() for part in PAGE_PARTS for path in sorted(part.rglob("*.ts*"))}
    assert len(sources) > 50
    texts = {path: [*list_page_comments(source), *list_page_texts(source)] for path, source in sources.items()}
    found = {str(path.relative_to(ROOT)): find_old_patterns(texts[path]) for path in texts}
    assert {path: hits for path, hits in found.items() if hits} == {}


@pytest.mark.parametrize("file", DEPLOYMENT, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_people_deploy_with_has_no_old_pattern(file: Path) -> None:
    assert find_old_patterns([file.read_text()]) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_old_pattern(page: Path) -> None:
    assert find_old_patterns([without_bad_examples(page.read_text())]) == []


def test_help_has_no_old_pattern() -> None:
    texts = list(list_help_texts(build_parser(ACTIONS)))
    assert len(texts) > 5
    assert find_old_patterns(texts) == []


def test_settings_have_no_old_pattern() -> None:
    assert find_old_patterns(list_settings()) == []


def test_recipes_have_no_old_pattern() -> None:
    assert find_old_patterns([text for _, text in phrases_of_recipes()]) == []


@pytest.mark.parametrize("meaning", list_settings())
def test_a_setting_is_a_sentence_that_begins_with_a_noun_or_a_verb(meaning: str) -> None:
    assert meaning.endswith(".")
    assert not re.match(r"(?:Of|Between|After|That|For|How long|What)\b", meaning)


@pytest.mark.parametrize(
    "old",
    [
        "It has 3 GB, and I fetch 2 GB at the most.",
        "Your runs may cost $3.00; 1 are allowed.",
        "50 % of its budget is spent.",
        "Mend the recipe.",
        "The recipe goes on from a checkpoint.",
        "It is launched once more.",
        "`dev-box` is up: the machine stands.",
        "No approver has told me.",
        "The doctor looks whether Slack answers.",
        "A Slack of one's own.",
        "The removal is asked for again.",
        "nobody is U0ANA",
        "a mention lacks its text, and what is lacking is named",
        "smoke-0001 went on without the bot.",
        "Two processes of this machine stand for two nodes.",
    ],
)
def test_an_old_pattern_is_found(old: str) -> None:
    assert find_old_patterns([old])


@pytest.mark.parametrize(
    "plain",
    [
        "At most 3 runs; the most recent one is `ppo-7f3a`.",
        "The images are allowed. You asked for two nodes.",
        "`smoke-02f3` has used 50% of its budget.",
        "The training goes well, and the demo stays open.",
        "Look at the log, then decide whether to stop.",
        "Those in the channel can see it; who may stop it, the policy says.",
    ],
)
def test_plain_words_are_not_found(plain: str) -> None:
    assert find_old_patterns([plain]) == []
