"""What a private channel's run prints and was set to, tried to be read by everybody through every door."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from bot.adapters.redis.connection import RUN_TASK
from tests.access import (
    BY_IDS,
    CHANNELS,
    ELSEWHERE,
    KINDS,
    LIVE,
    OUTSIDE,
    OWNER,
    RUNS,
    Dump,
    Kind,
    Outcome,
    World,
)
from tests.access_doors import PROMISED, TRIES, button, by_command, by_mention, fixed, rows, typed_as
from tests.planted import MARK, OPEN, PLANTED, holds_text, list_fields, plant

HOUR = timedelta(hours=1)
PRIVATE = CHANNELS["private"]
SHOWN = {usage for usage, row in PROMISED.commands.items() if row.text == "yes"}

OF_THE_OWNER = Kind(OWNER, role="launcher")


@pytest.fixture
def before(world: World) -> Dump:
    """The store with runs of the private channel, in which every text is planted."""
    world.furnished("private", OWNER)
    for name in RUNS:
        world.bot.cloud.print(f"verl-{name}", f"{MARK}-log", f"step:21 - {MARK}-metric:0.5 - critic/rewards/mean:0.4")
    world.bot.tick()
    for name in RUNS:
        task = json.dumps({**world.bot.store.get_task(name), "workdir": f"{MARK}-task"})
        world.redis.set(RUN_TASK.format(name), task)
        world.bot.store.update(name, lambda run: plant(run, f"launch smoke nodes=2 volume={MARK}-line"))
    grants = replace(
        BY_IDS.grants,
        holders_by_role={
            role: (*ids, OWNER) if role.word == "launcher" else ids
            for role, ids in BY_IDS.grants.holders_by_role.items()
        },
    )
    world.bot.policy = replace(BY_IDS, grants=grants)
    return world.dump()


def test_every_field_of_a_run_that_holds_text_is_planted_or_known_to_be_open() -> None:
    texts = {name for name, hint in list_fields().items() if holds_text(hint)}
    assert texts <= {"command_line", *OPEN, *PLANTED}


PRESSED = ("stop", "logs", "task", "retry", "resume", "form", "approve", "refuse", "save_and_stop", "lose_model")


def all_tried(world: World, before: Dump, kind: Kind, channel: str) -> Iterator[tuple[str, Outcome]]:
    """Yield what came of each row, typed and mentioned, pressed in a channel and on the bot's own page."""
    for mention in (False, True):
        for row, tries in rows(mention):
            for number, attempt in enumerate(tries):
                yield f"{row.name} {number} {mention=}", world.outcome(before, attempt, kind, channel)
    for action, name in product(PRESSED, RUNS):
        press = button(action, fixed(name), page=True)
        yield f"{action} {name} on the page", world.outcome(before, press, kind, channel)


@pytest.mark.long
def test_who_is_not_in_the_channel_reads_nothing_of_its_runs_through_any_door(world: World, before: Dump) -> None:
    tried = dict(all_tried(world, before, OUTSIDE, ELSEWHERE))
    leaks = [f"{door}: {around(found.raw)}" for door, found in tried.items() if MARK in found.raw]
    assert not leaks, "\n".join(leaks)
    failures = ("my own log says why", "cannot be shown", "went wrong on my side")
    assert not [door for door, found in tried.items() if any(words in found.raw for words in failures)]


def around(text: str) -> str:
    at = text.index(MARK)
    return text[max(at - 80, 0) : at + 120]


@pytest.mark.parametrize("who", ["viewer", "approver"])
def test_nor_does_any_other_role_but_an_approver_what_waits_for_one(who: str, world: World, before: Dump) -> None:
    members = world.bot.playground._slack.workspace.channels[PRIVATE].members
    members.remove(KINDS[who].user)
    world.bot.directory._members.clear()
    try:
        for usage in SHOWN - {"approve RUN", "decline RUN"}:
            found = world.outcome(before, by_command(typed_as(usage)), KINDS[who], ELSEWHERE)
            assert found.refused, usage
            assert MARK not in found.raw, usage
    finally:
        members.append(KINDS[who].user)
        world.bot.directory._members.clear()


READERS = {
    "owner": (OF_THE_OWNER, ELSEWHERE),
    "member": (KINDS["launcher"], ELSEWHERE),
    "in it": (KINDS["viewer"], PRIVATE),
}


@pytest.mark.parametrize(("kind", "channel"), [*READERS.values(), (KINDS["admin"], ELSEWHERE)], ids=[*READERS, "admin"])
def test_its_owner_people_in_its_channel_and_admins_read_it(
    kind: Kind, channel: str, world: World, before: Dump
) -> None:
    texts = {
        "logs RUN": f"{MARK}-log",
        "status RUN": f"{MARK}-launch.last_error",
        f"plot RUN {MARK}-metric": f"{MARK}-metric",
        "artifacts RUN": MARK,
    }
    for usage, expected in texts.items():
        found = world.outcome(before, by_command(typed_as(usage)), kind, channel)
        assert expected in found.raw, (usage, found.text)
    assert ":lock:" not in world.outcome(before, by_command("list"), kind, channel).text
    task = world.outcome(before, button("task", fixed(LIVE)), kind, channel)
    assert f"{MARK}-task" in task.raw


def test_others_see_that_it_exists_whose_it_is_and_what_it_costs(world: World, before: Dump) -> None:
    for usage in ("list", "cost RUN", "report now runs=all"):
        found = world.outcome(before, by_command(typed_as(usage)), OUTSIDE, ELSEWHERE)
        assert LIVE in found.text, usage
        assert f"<@{OWNER}>" in found.text or "\nowner\n" in found.text, usage  # in a table by name
        assert "$" in found.text, usage
        assert "step" not in found.text, usage
    home = world.outcome(before, TRIES["event app_home_opened"][0], OUTSIDE)
    assert LIVE in home.text


def test_what_a_whole_channel_would_read_is_not_said_there_even_to_the_owner(world: World, before: Dump) -> None:
    mentioned = world.outcome(before, by_mention(f"logs {LIVE}"), OF_THE_OWNER, ELSEWHERE)
    assert f"I do not show `{LIVE}` here" in mentioned.text
    assert MARK not in mentioned.raw
    there = world.outcome(before, by_mention(f"logs {LIVE}"), OF_THE_OWNER, PRIVATE)
    assert f"{MARK}-log" in there.raw


def test_a_board_elsewhere_shows_no_text_of_it(world: World, before: Dump) -> None:
    def told(world: World, kind: Kind, channel: str) -> str:
        world.types(kind, "report every 1h runs=all tz=UTC", channel)
        world.bot.moment += (waited := 2 * HOUR)
        world.bot.boards.publish_due_reports()
        world.bot.moment -= waited
        return ""

    found = world.outcome(before, told, KINDS["launcher"], ELSEWHERE)
    assert LIVE in found.text
    assert MARK not in found.raw


@pytest.mark.parametrize("name", ["smoke", "smoke-0009", LIVE, LIVE[-4:]])
def test_who_may_see_no_run_hears_of_none_by_a_wrong_name(name: str, world: World, before: Dump) -> None:
    found = world.outcome(before, by_command(f"stop {name}"), KINDS["of another company"], CHANNELS["shared"])
    assert found.refused
    assert not found.changed
    assert "smoke-" not in found.raw
