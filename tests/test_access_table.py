"""Everybody tries everything everywhere; what comes of it is held against the page that people read, docs/roles.md."""

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest
from redis import Redis

from bot.adapters.store import RedisStore
from bot.core import command as commands
from bot.core.acts import act_of
from bot.core.forms import FORMS
from bot.core.parse import parse
from bot.core.roles import Act
from bot.playground.client import PlaygroundClient
from bot.playground.server import Playground
from bot.slack.manifest import SCOPES
from tests.access import (
    BOX,
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
    SECOND,
    WAITS,
    Kind,
    Outcome,
    Promised,
    Row,
    World,
)
from tests.story import Bot

ROOT = Path(__file__).parent.parent
PROMISED = Promised.of_page()

OPENS_A_VIEW = {"launch", "action form", "action form_recipe", "action form_preview"}
"""What needs the role of a launch, and records none."""

RECORDS = {"language zh-CN"}
"""What needs only a look, and records something: of the person alone."""

Try = Callable[[World, Kind, str], str]
"""Does something as a person in a channel; what was acknowledged."""


@pytest.fixture(scope="module")
def world(valkey: Redis) -> Iterator[World]:
    playground = Playground()
    playground.start()
    playground._slack.scopes = set(SCOPES)
    client = PlaygroundClient(playground.address)
    yield World.made(Bot(RedisStore(valkey), playground, client), valkey)
    client.close()
    playground.stop()


# How each row is tried


def typed_as(usage: str) -> str:
    """Return a command of the page with the run that it is about.

    >>> typed_as("retry RUN"), typed_as("approve RUN")
    ('retry smoke-0002', 'approve smoke-0003')
    """
    word = usage.split(maxsplit=1)[0]
    run = {"retry": OVER, "resume": OVER, "approve": WAITS, "refuse": WAITS}.get(word, LIVE)
    names = {"RUN": run, "OTHER": SECOND, "RECIPE": "smoke", "@person": f"<@{OWNER}>"}
    return " ".join(names.get(one, one) for one in usage.split())


def button(action: str, value: Callable[[World], str], page: bool = False) -> Try:
    def press(world: World, kind: Kind, channel: str) -> str:
        where = {"view": {"type": "home"}} if page else world.in_channel(kind, channel)
        return world.presses(kind, {"type": "button", "action_id": action, "value": value(world)}, where)

    return press


def fixed(value: str) -> Callable[[World], str]:
    return lambda _: value


def extension(world: World) -> str:
    end = world.bot.run(LIVE).lease_ends_at
    assert end
    return f"{LIVE} 1 {end.timestamp():.0f}"


def keeping(world: World) -> str:
    until = world.bot.run(KEPT).keeping.until
    assert until
    return f"{KEPT} {until.timestamp():.0f}"


def in_form(action: Mapping[str, object]) -> Try:
    return lambda world, kind, channel: world.presses(kind, dict(action), {"view": world.form_in(kind, channel)})


CHOOSES = {"type": "static_select", "action_id": "form_recipe", "selected_option": {"value": "smoke"}}

TRIES: dict[str, tuple[Try, ...]] = {
    "action stop": (button("stop", fixed(LIVE)),),
    "action save_and_stop": (button("save_and_stop", fixed(LIVE)),),
    "action lose_model": (button("lose_model", fixed(KEPT)),),
    "action keep_model": (button("keep_model", keeping),),
    r"action extend-\d+": (button("extend-1", extension),),
    "action launch-sure": (button("launch-sure", fixed("launch smoke")),),
    "action approve|refuse": (button("approve", fixed(WAITS)), button("refuse", fixed(WAITS))),
    "action mute": (button("mute", fixed(f"{LIVE} not-a-number")),),
    "action task": (button("task", fixed(LIVE)),),
    "action logs": (button("logs", fixed(LIVE)),),
    "action retry": (button("retry", fixed(OVER)),),
    "action resume": (button("resume", fixed(OVER)),),
    "action form": (button("form", fixed(OVER)),),
    "action form_recipe": (in_form(CHOOSES),),
    "action form_preview": (in_form({"type": "button", "action_id": "form_preview", "value": "smoke"}),),
    "view launch_form": (lambda world, kind, channel: world.submits(kind, world.form_in(kind, channel)),),
    "action remove_orphan": (button("remove_orphan", fixed(BOX)),),
    "action leave_orphan": (button("leave_orphan", fixed(BOX)),),
    "action adopt_orphan": (button("adopt_orphan", fixed(f"{BOX} 0")),),
    "event app_home_opened": (lambda world, kind, channel: world.opens_page(kind),),
}
"""Each registration of the page, but for those by which commands come."""


# What is judged


def is_of_a_run(row: Row) -> bool:
    return row.text != "—"


def records(row: Row) -> bool:
    return row.name in RECORDS or (row.act != "read" and row.name not in OPENS_A_VIEW)


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
            allowed = PROMISED.allows(row, role, counts, own, sees=own or not absent)
            for attempt in tries:
                found = world.outcome(before, lambda attempt=attempt: attempt(world, kind, channel))  # type: ignore[misc]  # mypy takes the default for a second type
                if how := wrong(row, allowed, ignored, found):
                    said.append(complaint(who, kind_of_channel, row, own, how, found))
    return said


def rows(mention: bool) -> Iterator[tuple[Row, tuple[Try, ...]]]:
    """Yield each row with how it is tried; commands alone where they are mentioned and not typed."""
    for usage, row in PROMISED.commands.items():
        yield row, (by_mention(typed_as(usage)) if mention else by_command(typed_as(usage)),)
    if not mention:
        for name, row in PROMISED.doors.items():
            yield row, TRIES[name]


def by_command(line: str) -> Try:
    return lambda world, kind, channel: world.types(kind, line, channel)


def by_mention(line: str) -> Try:
    return lambda world, kind, channel: world.mentions(kind, line, channel)


SLICE = ("launcher", "viewer", "single-channel guest", "not in the private channel")
"""Whose rows are tried before every push; the others' in the same way, with those of `slow`."""

EVERYBODY = [pytest.param(who, marks=[] if who in SLICE else pytest.mark.slow) for who in KINDS]


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


# Whether the table is whole


def registered() -> set[str]:
    """Return the attributes of Bolt's app by which the bot listens, once for each call in its source."""
    calls = [
        (path.name, node.lineno, node.func.attr)
        for path in (ROOT / "bot" / "slack").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LISTENS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "app"
    ]
    return {f"{name}:{line} {kind}" for name, line, kind in calls}


LISTENS = {"action", "command", "event", "function", "message", "options", "shortcut", "step", "view", "view_closed"}
BY_COMMAND = 2
"""Registrations by which every command comes: the slash command and the mention."""


def test_every_registration_of_the_app_has_a_row_and_is_tried(world: World) -> None:
    assert set(TRIES) == set(PROMISED.doors)
    assert len(registered()) == len(world.bot.app._listeners) == len(TRIES) + BY_COMMAND


def test_every_command_has_a_row() -> None:
    tried = {type(parse(typed_as(usage))) for usage in PROMISED.commands}
    assert tried == set(get_args(commands.Command))


def test_each_form_and_each_of_its_flags_and_options_that_need_another_role_has_a_row() -> None:
    acts = {(usage.split()[0], act_of(parse(typed_as(usage))).value) for usage in PROMISED.commands}
    assert acts == {(usage.split()[0], row.act) for usage, row in PROMISED.commands.items()}
    assert {word for word, _ in acts} == set(FORMS)


def test_every_act_of_a_row_is_one_of_the_page() -> None:
    used = {row.act for row in (*PROMISED.commands.values(), *PROMISED.doors.values())}
    assert used <= set(PROMISED.acts)
    assert set(PROMISED.acts) == {act.value for act in Act}
