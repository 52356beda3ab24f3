"""`verlbot policy`: a starter file, a check of a file, and an explanation of what it decides about
a command, and why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.adapters.files import policy_files
from bot.adapters.files.recipe_files import RecipeFolder
from bot.adapters.files.yaml_reader import find_setting_lines
from bot.bootstrap.policy_source import summarize_policy
from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command
from bot.core.model.launch_plan import LaunchPlan, build_launch_plan
from bot.core.model.ledger import Ledger
from bot.core.model.people import KIND_WORDS, Act, Actor, Channel, Person, Role
from bot.core.model.policy import SAFE_POLICY, Measure, Policy, Scope
from bot.core.model.run import Run
from bot.core.model.run_limits import RunLimits
from bot.core.model.run_plan import RunPlan
from bot.core.rules.access import get_act, refuse_act
from bot.core.rules.approval_rules import build_launch_facts, find_approval_causes
from bot.core.rules.launch_bounds import BoundViolation, build_launch_request, find_violations
from bot.errors import UserError

STARTER_FILE = Path(__file__).parent / "starter_policy.yaml"

DEFAULT_PLACE = "the default"
"""Shown in place of a line where no file has the setting."""


def print_starter() -> int:
    """Print a starter file with comments, which say what applies without a file."""
    print(STARTER_FILE.read_text(), end="")
    return 0


def check(path: Path) -> int:
    """Print what a policy file allows.

    Raises:
        UserError: the file is not valid; the message says what is wrong, and where.
    """
    policy = policy_files.read_policy(path)
    print(f"✓ {path} can be used")
    for line in summarize_policy(policy):
        print(f"  {line}")
    return 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a policy decides about one command of one person.

    Attributes:
        lines: line numbers in the policy file, by setting; name: the file's name, as it was given.
    """

    policy: Policy
    lines: Mapping[str, int]
    name: str
    recipes: RecipeFolder

    def explain_line(self, person: Person, channel: Channel, line: str) -> Iterator[str]:
        """Yield what is decided and by which line of the file, the decision last."""
        command = parse_command(line.removeprefix("/verl").strip())
        actor = Actor(
            person.user,
            channel,
            person,
            self.policy.grants.effective_role(person, channel),
            self.policy.grants.own_role(person),
        )
        yield from self.explain_role(actor, person, channel)
        act = get_act(command)
        needed = self.policy.least_role(act)
        rule = self.locate("stop_others") if act is Act.STOP else ""
        own = "" if needed.on_own == needed.role else f" ({format_role(needed.on_own)} on their own run)"
        yield f"To {act.value}, a person must be {format_role(needed.role)}{own}.{rule}"
        try:
            refuse_act(self.policy, act, actor)
        except UserError as error:
            only = ", except on their own run" if actor.role >= needed.on_own else ""
            yield f"→ Refused{only}: {error.sentence}"
            return
        if isinstance(command, Launch):
            yield from self.explain_launch(command, actor, channel)
        else:
            yield "→ Allowed."

    def explain_role(self, actor: Actor, person: Person, channel: Channel) -> Iterator[str]:
        """Yield which role the person has, by which line, and what the channel makes of it."""
        names = {person.user, *person.groups, KIND_WORDS.get(person.kind, "")}
        grants = self.policy.grants.holders_by_role
        role = actor.own_role
        by = next((name for name in grants.get(role, ()) if name in names), "")
        if by:
            yield f"{person.user} is {format_role(role)}, by `{by}`.{self.locate(f'roles.{role.word}', 'roles')}"
        else:
            yield f"{person.user} has no role: no line gives one to a {person.kind.value}.{self.locate('roles')}"
        if actor.role is not actor.own_role:
            place = self.locate(*(f"channels.{key}.highest_role" for key in (channel.id, channel.kind.value)))
            yield f"Here {format_role(actor.role)} counts at most.{place}"

    def explain_launch(self, command: Launch, actor: Actor, channel: Channel) -> Iterator[str]:
        """Yield what the launch needs, which bounds it violates, and the decision."""
        recipe = self.recipes.get(command.recipe)
        launch_plan = build_launch_plan(recipe, command.parameters, command.overrides, f"{recipe.name}-0000")
        ask = build_launch_request(launch_plan)
        gpus = f", {ask.gpus} GPUs, {ask.gpu_hours:g} GPU-hours" if ask.gpus else ""
        hours = launch_plan.lease / timedelta(hours=1)
        nodes = "1 node" if launch_plan.nodes == 1 else f"{launch_plan.nodes} nodes"
        yield f"It asks for {nodes}{gpus}, ${launch_plan.budget_dollars:g} and {hours:g} h."
        by_role, by_channel = self.policy.bounds_for(actor.role, channel)
        placed_violations = [
            *((violation, self.locate_bound(actor.role, violation)) for violation in find_violations(by_role, ask)),
            *(
                (violation, self.locate_channel_bound(channel, violation))
                for violation in find_violations(by_channel, ask)
            ),
        ]
        for violation, place in placed_violations:
            yield f"✗ {violation.sentence}{place}"
        if placed_violations:
            hints = [violation.hint for violation, _ in placed_violations if violation.hint]
            yield f"→ Refused.{f' Type {chr(32).join(hints)} instead.' if hints else ''}"
            return
        yield "✓ It is within the bounds."
        for scope in Scope:
            limits = {measure: self.policy.cap_for(scope, measure, channel.id) for measure in Measure}
            caps = [f"{measure} {most:g}" for measure, most in limits.items() if most is not None]
            if caps:
                yield f"What runs already counts too: {scope.value} {', '.join(caps)}.{self.locate(scope.value)}"
        yield from self.explain_approval(launch_plan, actor)

    def explain_approval(self, launch_plan: LaunchPlan, actor: Actor) -> Iterator[str]:
        """Yield the decision about a launch without its price, which SkyPilot gives only at launch."""
        facts = build_launch_facts(build_unpriced_run(launch_plan, actor.user), Ledger(), EXPLAINED_AT)
        causes = find_approval_causes(self.policy, facts)
        if causes:
            rules = {"dollars": "approve_above_dollars", "gpu_hours": "approve_above_gpu_hours"}
            places = "".join(self.locate(rules[cause.value]) for cause in causes if cause.value in rules)
            yield f"→ It waits for an approver.{places}"
        elif self.policy.needs_price:
            yield "→ Launched, unless its price passes a limit: then it waits for an approver, or is refused."
        elif self.policy.needs_confirmation(launch_plan.budget_dollars):
            yield f"→ Launched, once the person has confirmed it.{self.locate('confirm_above_dollars')}"
        else:
            yield "→ Launched."

    def locate_bound(self, role: Role, violation: BoundViolation) -> str:
        return self.locate(f"bounds_by_role.{role.word}.{violation.bound}", f"bounds.{violation.bound}")

    def locate_channel_bound(self, channel: Channel, violation: BoundViolation) -> str:
        return self.locate(*(f"channels.{key}.bounds.{violation.bound}" for key in (channel.id, channel.kind.value)))

    def locate(self, *settings: str) -> str:
        """Return the line of the first of these settings that the file has."""
        line = next((self.lines[setting] for setting in settings if setting in self.lines), None)
        return f"  ({self.name}:{line})" if line else f"  ({DEFAULT_PLACE})"


EXPLAINED_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""Time of a launch that is only explained: no decision depends on it."""


def build_unpriced_run(launch_plan: LaunchPlan, user: str) -> Run:
    """Return a run of this plan without a price."""
    return Run(
        id="explained",
        recipe=launch_plan.recipe.name,
        command_line=launch_plan.command_line,
        requester=user,
        channel="",
        created_at=EXPLAINED_AT,
        plan=RunPlan(nodes=launch_plan.nodes, gpus=launch_plan.gpus, task_hash=launch_plan.hash),
        limits=RunLimits(budget_dollars=launch_plan.budget_dollars, lease=launch_plan.lease),
    )


def format_role(role: Role) -> str:
    """Return a role with its article.

    >>> format_role(Role.ADMIN), format_role(Role.NONE)
    ('an admin', 'no role')
    """
    if role is Role.NONE:
        return "no role"
    return f"{'an' if role.word[0] in 'aeiou' else 'a'} {role.word}"


def explain(path: Path | None, recipes: Path, person: Person, channel: Channel, line: str) -> int:
    """Print what a policy decides about a command.

    Raises:
        UserError: the file cannot be read, or the command is not valid.
    """
    policy = policy_files.read_policy(path) if path else SAFE_POLICY
    lines = find_setting_lines(path.read_text()) if path else {}
    name = path.name if path else ""
    for text in Explanation(policy, lines, name, RecipeFolder(recipes)).explain_line(person, channel, line):
        print(text)
    return 0
