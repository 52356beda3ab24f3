"""`verlbot policy`: a starter file, a check of a file, and an explanation of what it decides about
a command, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.adapters import policies
from bot.adapters.recipes import FolderOfRecipes
from bot.adapters.yaml_files import lines_of
from bot.core.access import refuse_act
from bot.core.actor import Actor
from bot.core.acts import act_of
from bot.core.command import Launch
from bot.core.holds import Ledger
from bot.core.launch_bounds import Violation, ask_of, violations
from bot.core.launch_facts import causes_of, facts_of
from bot.core.parse import parse
from bot.core.people import Channel, Person
from bot.core.plan import Plan, plan
from bot.core.policy import SAFE, Measure, Policy, Scope
from bot.core.roles import KIND_WORDS, Act, Role
from bot.core.run import Run
from bot.errors import UserError
from bot.policy_summary import summary

STARTER = Path(__file__).parent / "starter_policy.yaml"

DEFAULT = "the default"
"""Shown in place of a line where no file has the setting."""


def init() -> int:
    """Print a starter file with comments, which say what applies without a file."""
    print(STARTER.read_text(), end="")
    return 0


def check(path: Path) -> int:
    """Print what a policy file allows.

    Raises:
        UserError: the file is not valid; the message says what is wrong, and where.
    """
    policy = policies.read(path)
    print(f"✓ {path} can be used")
    for line in summary(policy):
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
    recipes: FolderOfRecipes

    def of(self, person: Person, channel: Channel, line: str) -> Iterator[str]:
        """Yield what is decided and by which line of the file, the decision last."""
        asked = parse(line.removeprefix("/verl").strip())
        actor = Actor(
            person.user,
            channel,
            person,
            self.policy.grants.role_in(person, channel),
            self.policy.grants.role_of(person),
        )
        yield from self.explain_role(actor, person, channel)
        act = act_of(asked)
        needed = self.policy.needed(act)
        rule = self.place("stop_others") if act is Act.STOP else ""
        own = "" if needed.on_own == needed.role else f" ({role_word(needed.on_own)} on one's own run)"
        yield f"Whoever wants to {act.value} must be {role_word(needed.role)}{own}.{rule}"
        try:
            refuse_act(self.policy, act, actor)
        except UserError as error:
            only = ", but on an own run" if actor.role >= needed.on_own else ""
            yield f"→ Refused{only}: {error.sentence}"
            return
        if isinstance(asked, Launch):
            yield from self.explain_launch(asked, actor, channel)
        else:
            yield "→ Allowed."

    def explain_role(self, actor: Actor, person: Person, channel: Channel) -> Iterator[str]:
        """Yield which role the person has, by which line, and what the channel makes of it."""
        names = {person.user, *person.groups, KIND_WORDS.get(person.kind, "")}
        given = self.policy.grants.given
        role = actor.own_role
        by = next((name for name in given.get(role, ()) if name in names), "")
        if by:
            yield f"{person.user} is {role_word(role)}, by `{by}`.{self.place(f'roles.{role.word}', 'roles')}"
        else:
            yield f"{person.user} has no role: no line gives one to a {person.kind.value}.{self.place('roles')}"
        if actor.role is not actor.own_role:
            most = self.place(f"channels.{channel.id}.most", f"channels.{channel.kind.value}.most")
            yield f"Here {role_word(actor.role)} counts at most.{most}"

    def explain_launch(self, asked: Launch, actor: Actor, channel: Channel) -> Iterator[str]:
        """Yield what the launch needs, which bounds it violates, and the decision."""
        recipe = self.recipes.get(asked.recipe)
        made = plan(recipe, asked.parameters, asked.overrides, f"{recipe.name}-0000")
        ask = ask_of(made)
        gpus = f", {ask.gpus} GPUs, {ask.gpu_hours:g} GPU-hours" if ask.gpus else ""
        hours = made.lease / timedelta(hours=1)
        nodes = "1 node" if made.nodes == 1 else f"{made.nodes} nodes"
        yield f"It asks for {nodes}{gpus}, ${made.budget_dollars:g} and {hours:g} h."
        by_role, by_channel = self.policy.bounds_of(actor.role, channel)
        found = [
            *((one, self.bound_place(actor.role, one)) for one in violations(by_role, ask)),
            *((one, self.channel_bound_place(channel, one)) for one in violations(by_channel, ask)),
        ]
        for one, place in found:
            yield f"✗ {one.sentence}{place}"
        if found:
            hints = [one.hint for one, _ in found if one.hint]
            yield f"→ Refused.{f' Type {chr(32).join(hints)} instead.' if hints else ''}"
            return
        yield "✓ It is within the bounds."
        for scope in Scope:
            limits = {measure: self.policy.most(scope, measure, channel.id) for measure in Measure}
            caps = [f"{measure} {most:g}" for measure, most in limits.items() if most is not None]
            if caps:
                yield f"What runs already counts too: {scope.value} {', '.join(caps)}.{self.place(scope.value)}"
        yield from self.explain_approval(made, actor)

    def explain_approval(self, made: Plan, actor: Actor) -> Iterator[str]:
        """Yield the decision about a launch without its price, which SkyPilot gives only at launch."""
        facts = facts_of(unpriced(made, actor.user), Ledger(), NOW)
        causes = causes_of(self.policy, facts)
        if causes:
            rules = {"dollars": "approve_over_dollars", "gpu_hours": "approve_over_gpu_hours"}
            places = "".join(self.place(rules[cause.value]) for cause in causes if cause.value in rules)
            yield f"→ It waits for an approver.{places}"
        elif self.policy.needs_price:
            yield "→ Launched, unless its price passes a limit: then it waits for an approver, or is refused."
        elif self.policy.asks_first(made.budget_dollars):
            yield f"→ Launched, once the person has confirmed it.{self.place('confirm_over_dollars')}"
        else:
            yield "→ Launched."

    def bound_place(self, role: Role, violation: Violation) -> str:
        return self.place(f"bounds_by_role.{role.word}.{violation.bound}", f"bounds.{violation.bound}")

    def channel_bound_place(self, channel: Channel, violation: Violation) -> str:
        return self.place(*(f"channels.{key}.bounds.{violation.bound}" for key in (channel.id, channel.kind.value)))

    def place(self, *settings: str) -> str:
        """Return the line of the first of these settings that the file has."""
        line = next((self.lines[one] for one in settings if one in self.lines), None)
        return f"  ({self.name}:{line})" if line else f"  ({DEFAULT})"


NOW = datetime(2000, 1, 1, tzinfo=UTC)
"""Time of a launch that is only explained: no decision depends on it."""


def unpriced(made: Plan, user: str) -> Run:
    """Return a run of this plan without a price."""
    return Run(
        id="explained",
        recipe=made.recipe.name,
        line=made.line,
        requester=user,
        channel="",
        created_at=NOW,
        nodes=made.nodes,
        gpus=made.gpus,
        task_hash=made.hash,
        budget_dollars=made.budget_dollars,
        lease=made.lease,
    )


def role_word(role: Role) -> str:
    """Return a role with its article.

    >>> role_word(Role.ADMIN), role_word(Role.NONE)
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
    policy = policies.read(path) if path else SAFE
    lines = lines_of(path.read_text()) if path else {}
    name = path.name if path else ""
    for said in Explanation(policy, lines, name, FolderOfRecipes(recipes)).of(person, channel, line):
        print(said)
    return 0
