"""Every advice that a run can show names what its own program takes and what its own state accepts."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.frameworks.verl.definition import SFT_PROGRAM
from bot.core.frameworks.verl.option_keys import OPTION_LIST
from bot.core.model.failure import FailureKind, FailureSummary
from bot.core.model.finding import Finding, Severity
from bot.core.model.run import Run
from bot.core.model.run_plan import OptionParameter
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.health.stall import STALL_REFERENCE
from bot.phrase import Phrase
from bot.slack.views.advice_views import OPTION
from bot.slack.views.ended_card import end_message
from bot.slack.views.finding_views import build_finding_message
from bot.slack.views.run_card import card
from tests.builders import at, running

RATE = OptionParameter("actor_rollout_ref.actor.optim.lr", "learning_rate", "0.1")
PROGRAMS: dict[str, dict[str, object]] = {
    "smoke": {"takes_overrides": False, "option_parameters": (RATE,)},
    "toy": {"takes_overrides": False},
    "sft": {"takes_overrides": True, "program": SFT_PROGRAM, "gpus": "H100:1"},
    "ppo": {"takes_overrides": True, "program": FRAMEWORK.advised_program, "gpus": "H100:8"},
}
STATES: dict[str, dict[str, object]] = {
    "running": {},
    "stop asked": {"stop_requested_by": "U0ANA"},
    "ended": {"status": RunStatus.ENDED, "reason": Reason.FAILED, "closed_at": at(60)},
}
STALL = FRAMEWORK.stall_advice
ADVICE = {
    **{f"{one.name} {place}": text for one in FRAMEWORK.detectors for place, text in enumerate(one.advice)},
    **{f"stall {place}": text for place, text in enumerate((STALL.silent_log, STALL.busy_log, STALL.no_first_step))},
}
FOREIGN = re.compile(r"\b(?:actor_rollout_ref|critic|algorithm|reward)\.[a-z_.]+")


def build_run(recipe: str, state: str) -> Run:
    """A run of the recipe in the state."""
    return running(
        id=f"{recipe}-7f3a", recipe=recipe, command_line=f"launch {recipe}", **PROGRAMS[recipe], **STATES[state]
    )


def list_texts(value: object) -> Iterator[str]:
    """Every text of a payload."""
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from list_texts(item)
        case list() | tuple():
            for item in value:
                yield from list_texts(item)


def find_wrong_words(run: Run, shown: str) -> list[str]:
    """Settings that the run's program lacks, and commands that are refused in its state."""
    tree = OPTION_LIST.trees.get(run.plan.program) if run.plan.takes_overrides else None
    named = {match["option"] for match in OPTION.finditer(shown)}
    if run.plan.program == FRAMEWORK.advised_program:
        wrong = []
    else:
        named |= set(FOREIGN.findall(shown))
        wrong = [option for option in named if tree is None or option not in tree.options]
    refused = ["/verl stop"] if run.is_finished or run.requests.stop_requested_by else []
    refused += [] if run.is_finished else ["/verl retry", "/verl resume"]
    machines = [] if run.plan.gpus else ["NCCL", "nccl", "nvidia-smi"]
    return [*wrong, *(word for word in (*refused, *machines) if word in shown)]


@pytest.mark.parametrize("state", ["running", "stop asked"])
@pytest.mark.parametrize("recipe", PROGRAMS)
@pytest.mark.parametrize("name", ADVICE)
def test_a_finding_advises_what_can_be_done(name: str, recipe: str, state: str) -> None:
    run = build_run(recipe, state)
    sick, advice = Phrase("It is sick."), Phrase(ADVICE[name])
    finding = Finding(name.split(maxsplit=1)[0], Severity.WARNING, 3, 0.0, sick, "", advice, STALL_REFERENCE)
    texts = " ".join(list_texts(build_finding_message(run, finding, at(60)).blocks))
    assert "It is sick." in texts
    assert find_wrong_words(run, texts) == []


GPU_KINDS = {
    FailureKind.NCCL_TIMEOUT, FailureKind.NCCL_ERROR, FailureKind.NCCL_NETWORK, FailureKind.NCCL_USAGE,
    FailureKind.NO_GPU, FailureKind.ROLLOUT_MEMORY,
}  # fmt: skip
"""Failures that only programs with GPUs have, whose names and causes speak of them."""


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [
        (kind, recipe)
        for kind in FailureKind
        for recipe in PROGRAMS
        if "gpus" in PROGRAMS[recipe] or kind not in GPU_KINDS
    ],
)
def test_an_ended_card_advises_what_can_be_done(kind: FailureKind, recipe: str) -> None:
    run = build_run(recipe, "ended")
    failure = FailureSummary("ValueError: it broke", kind)
    run = replace(run, failure=failure)
    message = end_message(run, at(60), "")
    texts = " ".join([*list_texts(card(run, at(60)).blocks), *list_texts(message.blocks if message else ())])
    assert "it broke" in texts
    assert find_wrong_words(run, texts) == []
