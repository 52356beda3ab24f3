"""What checking costs a command: secrets in what was typed, limits a minute, roles, bounds.

The baseline is the same line, read and planned, with a pass-through in place of each check.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.masking import COMMAND, KNOWN
from benchmarks.world import ANA, TRAINING, a_slack
from bot.adapters.files.recipe_files import RecipeFolder
from bot.app.access_control import AccessControl
from bot.app.rate_limits import RateLimitKind, RateLimits
from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.masking.masker import Masker, search_nothing
from bot.core.model.launch_plan import LaunchPlan, build_launch_plan
from bot.core.model.people import APP_HOME, Act
from bot.core.model.policy import SAFE_POLICY, Fairness
from bot.core.rules.access import refuse_act
from bot.core.rules.launch_bounds import build_launch_request, refuse_out_of_bounds
from bot.runtime.secret_filter import SecretFilter
from bot.slack.outbound.directory import SlackDirectory
from bot.slack.outbound.web_client import BotIdentity, build_web_client
from slack_playground.slack import BOT_TOKEN

BEFORE = "without checks: read and planned"

ROUNDS, COMMANDS = 20, 50
"""Of each kind, and in one round."""

POLICY = replace(SAFE_POLICY, fairness=Fairness(launches_per_minute=10_000_000, questions_per_minute=10_000_000))
"""The safe one, but for limits that so many commands would reach."""

UNMASKED = Masker(search_nothing)
RECIPES = RecipeFolder(SOURCE_RECIPES)


def measure() -> None:
    with a_slack() as slack:
        client = build_web_client(BOT_TOKEN, slack.playground.api_url)
        access = AccessControl(SlackDirectory(client, BotIdentity(client), answer_seconds=30.0), lambda: POLICY)
        checks = Checks(access, SecretFilter(KNOWN).masker)
        kinds: dict[str, Callable[[], LaunchPlan]] = {BEFORE: planned} | checks.each()
        took = in_turns(kinds)
    for name in kinds:
        print(f"{name:52}{took[name] * 1e6:8.0f} µs{took[name] / took[BEFORE]:8.2f}x")


def in_turns(kinds: Mapping[str, Callable[[], LaunchPlan]]) -> dict[str, float]:
    """The least processor time of one command of each kind; they take turns, so that a busy moment falls on all."""
    found = dict.fromkeys(kinds, float("inf"))
    for _ in range(ROUNDS):
        for name, action in kinds.items():
            begun = time.thread_time()
            for _ in range(COMMANDS):
                action()
            found[name] = min(found[name], (time.thread_time() - begun) / COMMANDS)
    return found


def planned(masker: Masker = UNMASKED) -> LaunchPlan:
    asked = parse_command(COMMAND, masker=masker)
    assert isinstance(asked, Launch)
    return build_launch_plan(RECIPES.get(asked.recipe), asked.parameters, asked.overrides, "ppo-7f3a")


class Checks:
    """A launch by a member, each check alone and all of them, in the order of a real one."""

    def __init__(self, access: AccessControl, masker: Masker) -> None:
        self._access = access
        self._masker = masker
        self._limits = RateLimits(lambda: POLICY, lambda: datetime.now(UTC))

    def each(self) -> dict[str, Callable[[], LaunchPlan]]:
        return {
            "  with the line looked through for secrets": lambda: planned(self._masker),
            "  with limits a minute": lambda: self.limited(UNMASKED),
            "  with the person's role, remembered": lambda: self.with_role(UNMASKED),
            "  with role and bounds": lambda: self.within_bounds(planned()),
            "  with all of it": lambda: self.within_bounds(self.limited(self._masker)),
        }

    def limited(self, masker: Masker) -> LaunchPlan:
        self._limits.count_request(ANA, RateLimitKind.QUESTION)
        self._limits.count_request(ANA, RateLimitKind.LAUNCH)
        return planned(masker)

    def with_role(self, masker: Masker) -> LaunchPlan:
        refuse_act(POLICY, Act.LAUNCH, self._access.find_actor(ANA, "T0PLAY", TRAINING))
        return planned(masker)

    def within_bounds(self, made: LaunchPlan) -> LaunchPlan:
        actor = self._access.find_actor(ANA, "T0PLAY", TRAINING)
        refuse_act(POLICY, Act.LAUNCH, actor)
        refuse_out_of_bounds(POLICY.bounds_for(actor.role, actor.channel or APP_HOME), build_launch_request(made), ())
        return made


if __name__ == "__main__":
    measure()
