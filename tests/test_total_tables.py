"""A table over an enum has a value for every member, so that a new member cannot be forgotten."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TypeGuard

import pytest

import bot
from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.code_remedies import CODE_REMEDIES
from bot.core.frameworks.verl.general_advice import GENERAL_REMEDIES
from bot.core.frameworks.verl.machine_remedies import MACHINE_REMEDIES
from bot.core.model.failure import FailureKind
from bot.core.model.option_tree import OptionKind
from bot.core.model.people import PersonKind
from bot.core.model.run_state import Reason
from bot.core.rules.end_causes import REASON_BY_RULE
from bot.core.rules.failure_exits import KINDS_BY_EXIT_CODE
from bot.core.rules.failure_search import TEXT_ROWS
from bot.core.rules.unstarted_runs import UNSTARTED_PHRASES
from bot.slack.views.outcome_labels import SAVING_LABELS
from bot.slack.views.rescue_views import SAVE_GRACE_REASONS

WITHOUT_WAIT = frozenset(Reason) - {
    Reason.STOPPED,
    Reason.LEASE_EXPIRED,
    Reason.BUDGET_EXCEEDED,
    Reason.MONTHLY_BUDGET_EXCEEDED,
    Reason.SICK,
}
"""Reasons of an end that is observed, not requested: nothing is left that could save."""

Partial = tuple[frozenset[Enum], str]

EXCEPTIONS: Mapping[str, Partial] = {
    "bot.core.frameworks.verl.general_advice.GENERAL_REMEDIES": (
        frozenset(FRAMEWORK.remedies) - frozenset(GENERAL_REMEDIES),
        "the others name no setting, or are of checks that verl's RL trainers alone make: `describe_lack` follows",
    ),
    "bot.core.frameworks.verl.code_remedies.CODE_REMEDIES": (
        frozenset(FRAMEWORK.remedies) - frozenset(CODE_REMEDIES),
        "REMEDIES has the others, and is total",
    ),
    "bot.core.frameworks.verl.machine_remedies.MACHINE_REMEDIES": (
        frozenset(FRAMEWORK.remedies) - frozenset(MACHINE_REMEDIES),
        "REMEDIES has the others, and is total",
    ),
    "bot.core.model.people.KIND_WORDS": (
        frozenset({PersonKind.STRANGER, PersonKind.BOT, PersonKind.DEACTIVATED}),
        "a policy file has no word for all of them: strangers are granted a role by their ids, the others get none",
    ),
    "bot.core.rules.override_checks.KIND_WORDS": (
        frozenset(OptionKind) - {OptionKind.FLAG, OptionKind.INTEGER, OptionKind.NUMBER},
        "Hydra takes any text for the others, so that nothing is refused",
    ),
    "bot.core.rules.unstarted_runs.UNSTARTED_PHRASES": (
        frozenset(Reason) - frozenset(UNSTARTED_PHRASES),
        "the others end what has started, or their sentence names a person: `explain_unstarted` builds it",
    ),
    "bot.slack.views.outcome_labels.SAVING_LABELS": (WITHOUT_WAIT, "only a requested end waits for a checkpoint"),
    "bot.slack.views.rescue_views.SAVE_GRACE_REASONS": (WITHOUT_WAIT, "only a requested end waits for a checkpoint"),
}
"""Tables that lack members on purpose: which ones, and why. A table that lacks others fails all the same."""


def list_tables() -> Iterator[tuple[str, Mapping[Enum, object]]]:
    """Yield the module-level dicts of the bot whose keys are all members of enums, by module and name."""
    for name in sorted(module.name for module in pkgutil.walk_packages(bot.__path__, "bot.")):
        if not name.endswith("__main__"):
            module = importlib.import_module(name)
            own = list_own_names(inspect.getsource(module))
            yield from (
                (f"{name}.{key}", value) for key, value in vars(module).items() if key in own and is_over(value)
            )


def list_own_names(code: str) -> set[str]:
    """Return the names that a module assigns itself; those that it imports are of another.

    >>> list_own_names("from x import A\\nB = C = {}\\nD: dict = {}") == {"B", "C", "D"}
    True
    """
    assigned: set[str] = set()
    for node in ast.parse(code).body:
        match node:
            case ast.Assign(targets=targets):
                assigned |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                assigned.add(name)
    return assigned


def is_over(value: object) -> TypeGuard[Mapping[Enum, object]]:
    """Return whether a value is a table over enums."""
    return isinstance(value, Mapping) and bool(value) and all(isinstance(key, Enum) for key in value)


def lacking(table: Mapping[Enum, object]) -> frozenset[Enum]:
    """Return the members of the enums of its keys that a table has no value for.

    >>> lacking({PersonKind.MEMBER: 1, PersonKind.GUEST: 2}) >= {PersonKind.BOT, PersonKind.STRANGER}
    True
    """
    return frozenset(member for enum in {type(key) for key in table} for member in enum if member not in table)


TABLES = dict(list_tables())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_over_an_enum_has_a_value_for_every_member(name: str) -> None:
    table = TABLES[name]
    assert len({type(key) for key in table}) == 1
    allowed, _ = EXCEPTIONS.get(name, (frozenset(), ""))
    assert sorted(lacking(table), key=str) == sorted(allowed, key=str)


def test_the_exceptions_are_tables_of_the_bot_and_give_a_reason() -> None:
    assert set(EXCEPTIONS) <= set(TABLES)
    assert all(reason for _, reason in EXCEPTIONS.values())


def test_the_tables_are_found() -> None:
    assert "bot.core.model.people.REQUIRED_ROLES" in TABLES
    assert "bot.core.model.policy.REQUIRED_ROLES" not in TABLES  # there it is imported
    assert len(TABLES) >= 20


def test_every_kind_of_failure_is_known_by_a_text_or_by_what_it_follows() -> None:
    known = {kind for _, _, kind, _ in TEXT_ROWS[True]}
    places = (*FRAMEWORK.failures.places, *FRAMEWORK.failures.areas)
    known |= {kind for place in places for kind in place.kinds.values()}
    followed = {FailureKind.TEARDOWN, FailureKind.NOTHING_TRAINED, FailureKind.USER_CODE}
    assert known | followed == set(FailureKind)
    assert set(KINDS_BY_EXIT_CODE.values()) <= known


def test_an_end_that_waits_for_a_checkpoint_has_a_word_in_both_places() -> None:
    """Which ends those are, `find_requested_end` and `find_sick_end` decide: a stop, and whatever a rule ends."""
    waiting = {Reason.STOPPED, Reason.SICK, Reason.MONTHLY_BUDGET_EXCEEDED, *REASON_BY_RULE.values()}
    assert waiting == set(SAVING_LABELS) == set(SAVE_GRACE_REASONS)
