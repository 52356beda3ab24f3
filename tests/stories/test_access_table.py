"""Everybody tries everything everywhere; what comes of it is held against the page that people read, docs/roles.md."""

import ast
from pathlib import Path
from typing import get_args

import pytest

from bot.core.commands import command as commands
from bot.core.commands.aliases import GREETINGS
from bot.core.commands.parser import parse_command
from bot.core.commands.specs import COMMAND_SPECS
from bot.core.model.people import Act
from bot.core.rules.access import get_act
from tests.access import (
    BY_DEFAULT,
    BY_IDS,
    CHANNELS,
    ELSEWHERE,
    KEPT,
    KINDS,
    LIVE,
    OUTSIDE,
    OVER,
    OWNER,
    WAITS,
    Outcome,
    Row,
    World,
)
from tests.access_doors import PROMISED, TRIES, button, fixed, rows, typed_as

ROOT = Path(__file__).parents[2]

OPENS_A_VIEW = {
    "launch",
    "action form",
    "action form_recipe",
    "action form_preview",
    "action refuse",
    "action card_menu extend",
    "action card_menu budget",
}
"""What needs the role of what its form does, and records none."""

RECORDS = {"language zh-CN"}
"""What needs only a look, and records something: of the person alone."""

ALONE = ("launch", "retry", "resume", "language", "audit", "forget")
"""Commands that the person alone is answered though they were mentioned: others read every other answer."""

# What is judged


def is_of_a_run(row: Row) -> bool:
    return row.text != "—"


def records(row: Row) -> bool:
    return row.name in RECORDS or (row.act not in ("read", "audit") and row.name not in OPENS_A_VIEW)


def wrong(row: Row, allowed: bool, ignored: bool, found: Outcome) -> str:
    """Return how what came of it differs from the page; empty where it does not."""
    if ignored:
        return "should be ignored" if found.text.strip() or found.changed else ""
    if not allowed:
        return "" if found.refused and not found.changed else "should be refused"
    if found.refused or not (found.text.strip() or found.changed):
        return "should be allowed"
    return "" if found.changed == records(row) else f"should {'' if records(row) else 'not '}change the store"


def complaint(who: str, where: str, row: Row, own: bool, how: str, found: Outcome) -> str:
    return f"{who}, {where}, {'own' if own else 'another'} run: {row.name}: {how}, but {found.text[:300]!r}"


def disagreements(world: World, who: str, kind_of_channel: str, mention: bool = False) -> list[str]:
    """Try every row as a person in a channel, on the person's own things and on another's."""
    kind = KINDS[who]
    absent = kind is OUTSIDE and kind_of_channel == "private"
    place = "public" if absent else kind_of_channel
    channel = ELSEWHERE if absent else CHANNELS[kind_of_channel]
    role, said = kind.role_by(PROMISED), []
    for own in (False, True):
        before = world.furnished(kind_of_channel, kind.user if own else OWNER)
        world.bot.policy = BY_IDS if kind.role else BY_DEFAULT
        for row, tries in rows(mention):
            if (own or absent) and not is_of_a_run(row):
                continue
            counts = place if row.where in ("there", "the chosen channel") else row.where
            ignored = mention and kind.is_a == "bot"  # the page says so
            aloud = mention and row.name.split()[0] not in ALONE
            allowed = PROMISED.allows(row, role, counts, own, sees=not absent or (own and not aloud))
            for attempt in tries:
                found = world.outcome(before, attempt, kind, channel)
                if how := wrong(row, allowed, ignored, found):
                    said.append(complaint(who, kind_of_channel, row, own, how, found))
    return said


SLICE = ("launcher", "viewer", "single-channel guest", "not in the private channel")
"""Whose rows are tried before every push; the others' in the same way, with those of `thorough`."""

EVERYBODY = [pytest.param(who, marks=[] if who in SLICE else [pytest.mark.slow, pytest.mark.thorough]) for who in KINDS]


@pytest.mark.parametrize("where", CHANNELS)
@pytest.mark.parametrize("who", EVERYBODY)
def test_what_the_page_says_is_what_the_bot_does(who: str, where: str, world: World) -> None:
    found = disagreements(world, who, where)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("where", CHANNELS)
@pytest.mark.parametrize("who", KINDS)
def test_a_command_that_is_mentioned_needs_what_a_typed_one_needs(who: str, where: str, world: World) -> None:
    found = disagreements(world, who, where, mention=True)
    assert not found, "\n".join(found)


ON_THE_PAGE = ("stop", "save_and_stop", "lose_model", "task", "logs", "retry", "resume", "form", "approve", "refuse")
"""Buttons of a run that its row on the bot's own page has."""

AGAIN = ("retry", "resume")


@pytest.mark.parametrize("where", CHANNELS)
@pytest.mark.parametrize("who", EVERYBODY)
def test_a_button_of_the_own_page_needs_the_role_of_a_direct_message(who: str, where: str, world: World) -> None:
    """And, where it launches, the role in the channel of the run, and to be in it."""
    kind, said = KINDS[who], []
    absent = kind is OUTSIDE and where == "private"
    role = kind.role_by(PROMISED)
    for own in (False, True):
        before = world.furnished(where, kind.user if own else OWNER)
        world.bot.policy = BY_IDS if kind.role else BY_DEFAULT
        for action in ON_THE_PAGE:
            row = PROMISED.doors[f"action {action}"]
            allowed = PROMISED.allows(row, role, "direct", own, sees=own or not absent)
            if action in AGAIN:
                allowed = allowed and not absent and PROMISED.allows(row, role, where, own)
            run = {"lose_model": KEPT, "approve": WAITS, "refuse": WAITS}.get(
                action, OVER if row.act == "launch" else LIVE
            )
            press = button(action, fixed(run), page=True)
            found = world.outcome(before, press, kind, "")
            if how := wrong(row, allowed, False, found):
                said.append(complaint(who, where, row, own, how, found))
    assert not said, "\n".join(said)


# Whether the table is whole


def registered() -> set[str]:
    """Return the attributes of Bolt's app by which the bot listens, once for each call in its source."""
    calls = [
        (path.name, node.lineno, node.func.attr)
        for path in (ROOT / "bot" / "slack").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LISTENS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "app"
    ]
    return {f"{name}:{line} {kind}" for name, line, kind in calls}


LISTENS = {"action", "command", "event", "function", "message", "options", "shortcut", "step", "view", "view_closed"}
BY_COMMAND = 3
"""Registrations by which every command comes: the slash command and the mention."""


def test_every_registration_of_the_app_has_a_row_and_is_tried(world: World) -> None:
    assert set(TRIES) == set(PROMISED.doors)
    assert (
        len(registered())
        == len(world.bot.app._listeners)
        == len({" ".join(name.split()[:2]) for name in TRIES}) + BY_COMMAND
    )


def test_every_command_has_a_row() -> None:
    tried = {type(parse_command(typed_as(usage))) for usage in PROMISED.commands}
    assert tried == set(get_args(commands.Command))


def test_each_form_and_each_of_its_flags_and_options_that_need_another_role_has_a_row() -> None:
    acts = {(usage.split()[0], get_act(parse_command(typed_as(usage))).value) for usage in PROMISED.commands}
    assert acts == {(usage.split()[0], row.act) for usage, row in PROMISED.commands.items()}
    assert {word for word, _ in acts} == {*COMMAND_SPECS, GREETINGS[0]}


def test_every_act_of_a_row_is_one_of_the_page() -> None:
    used = {row.act for row in (*PROMISED.commands.values(), *PROMISED.doors.values())}
    assert used <= set(PROMISED.acts)
    assert set(PROMISED.acts) == {act.value for act in Act}
