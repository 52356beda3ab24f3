"""What the documents say is what the code does."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bot.__main__ import ACTIONS
from bot.cli.command_line import build_parser
from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.commands.specs import COMMAND_SPECS
from tests.core.rules.health.healthy_runs import HEALTHY
from tests.core.rules.health.runs import EXPECTED, SICK
from tests.naming import read_modules
from tests.story import Bot

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


MAKE_PAGES = "import generate, json; print(json.dumps({name: made() for name, made in generate.PAGES.items()}))"


@pytest.mark.slow
def test_pages_that_are_made_from_the_code_are_up_to_date() -> None:
    """As a new process makes them, in which nothing is set."""
    made = subprocess.run(
        [sys.executable, "-c", MAKE_PAGES],
        cwd=ROOT / "docs",
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'docs'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    pages = json.loads(made.stdout)
    assert set(pages) == {
        "architecture.md",
        "settings.md",
        "commands.md",
        "findings.md",
        "slack-scopes.md",
        "roles.md",
        "threats.md",
    }
    assert pages == {name: (ROOT / "docs" / name).read_text() for name in pages}, "run `make docs`"


def test_the_measured_findings_have_a_row_for_each_sickness_and_each_healthy_training() -> None:
    page = (ROOT / "docs" / "findings-measured.md").read_text()
    rows = {line.split(" | ")[0].removeprefix("| ") for line in page.splitlines() if line.startswith("| ")}
    assert rows >= {*(f"rldoctor: {name}" for name in EXPECTED), *SICK, *HEALTHY}, "run `python -m benchmarks findings`"


def typed_in(page: Path) -> list[str]:
    """What a page tells people to type after `/verl`, but for usages with their brackets and commands by name."""
    lines = re.findall(r"`/verl ([^`\n]*)`|^    /verl (.*)$", page.read_text(), re.MULTILINE)
    typed = [line for pair in lines for line in pair if line]
    usages = {form.usage for form in COMMAND_SPECS.values()}
    return [
        line for line in typed if line not in COMMAND_SPECS and line not in usages and not re.search(r"[\[…]", line)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_tells_people_to_type_is_understood(page: Path, bot: Bot) -> None:
    for line in typed_in(page):
        command = parse_command(re.sub(r"(?<!\w)@\w+", "<@U0ANA>", line))  # as Slack sends a mention
        if isinstance(command, Launch):
            bot.service.launch_planner.plan(command)


def test_there_are_such_lines() -> None:
    assert "launch ppo nodes=2" in typed_in(ROOT / "README.md")
    assert len([line for page in PAGES for line in typed_in(page)]) > 10


def read_program_lines(page: Path) -> list[str]:
    """What a page tells people to type in a shell after `verlbot`."""
    lines = re.findall(r"`verlbot ([^`\n]+)`|^ {4,}(?:\S+/)?verlbot ([a-z].*)$", page.read_text(), re.MULTILINE)
    typed = (line for pair in lines for line in pair if line)
    return [line for line in typed if not re.search(r"[…\[]|[A-Z]{4,}", line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_tells_people_to_type_in_a_shell_is_a_command(page: Path) -> None:
    for line in read_program_lines(page):
        words = shlex.split(line.partition(" > ")[0].partition(" | ")[0], comments=True)
        if words not in NAMED_ALONE:
            build_parser(ACTIONS).parse_args(words)


NAMED_ALONE = [
    ["policy"],
    ["backup"],
    ["restore"],
    ["recipes"],
    ["replay"],
    ["recipes", "check"],
    ["policy", "check"],
    ["policy", "explain"],
]
"""Commands that pages also name without what must follow."""


def test_the_pages_have_lines_for_a_shell() -> None:
    assert "policy check policy.yaml" in read_program_lines(ROOT / "docs" / "install.md")


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page is called, as GitHub has it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_the_targets_that_pages_name_are_in_the_makefile() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        assert set(re.findall(r"(?:^    |`)make ([a-z]+)", page.read_text(), re.MULTILINE)) <= set(targets)


QUOTED = re.compile(r"\*([^*]+)\*")


def list_quoted_messages() -> list[str]:
    """Return the messages that troubleshooting.md quotes, which are the italics of the first column of its tables."""
    lines = (ROOT / "docs" / "troubleshooting.md").read_text().splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("|")]
    return [message for cell in cells for message in QUOTED.findall(cell)]


def is_said(message: str, phrases: list[str]) -> bool:
    """Return whether a phrase has the parts of a quoted message, in their order; an ellipsis stands for any text."""
    parts = [re.escape(part.strip()) for part in message.split("…")]
    pattern = re.compile(".*".join(parts))
    return any(pattern.search(phrase.replace("*", "")) for phrase in phrases)


@pytest.mark.slow
@pytest.mark.parametrize("message", list_quoted_messages())
def test_a_message_that_troubleshooting_quotes_is_one_of_the_bots(message: str) -> None:
    assert is_said(message, [phrase for module in read_modules("bot") for phrase in module.phrases])


def test_troubleshooting_quotes_messages() -> None:
    assert len(list_quoted_messages()) > 20
