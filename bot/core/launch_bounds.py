"""Checks whether a launch is within its bounds: those of its requester's role, and those of its channel. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from bot.core import override_keys
from bot.core.bounds import OUTPUT_SETTINGS, OWN, Bounds
from bot.core.choices import choices, gpus_of, kinds_of
from bot.core.holds import gpu_count
from bot.core.parameter import plain
from bot.core.plan import Plan, resources
from bot.core.recipe import BUCKET, VOLUME
from bot.core.roles import Act
from bot.core.run import Run
from bot.errors import Denied
from bot.language import listing, mark, say, together


@dataclass(frozen=True, slots=True)
class Ask:
    """What a launch requests, as far as bounds concern it.

    Attributes:
        infra, image: what it requests; empty where it takes the recipe's.
        recipe_infra, recipe_image: what the recipe itself has.
        accelerators: the largest number per node, by kind.
        gpus: number of all nodes together.
    """

    recipe: str
    infra: str
    own_infra: str
    image: str
    own_image: str
    bucket: str
    volume: str
    accelerators: Mapping[str, int]
    nodes: int
    gpus: int
    lease: timedelta
    budget_dollars: float
    overrides: tuple[str, ...] = ()

    @property
    def gpu_hours(self) -> float:
        return self.gpus * (self.lease / timedelta(hours=1))


def ask_of(made: Plan) -> Ask:
    """Return what a launch plan requests."""
    typed = dict(made.parameters)
    own = resources(made.recipe.task)
    kinds: dict[str, int] = {}
    for one in choices(made.task):
        for kind in kinds_of(one.get("accelerators")):
            name = kind.partition(":")[0].strip()
            kinds[name] = max(kinds.get(name, 0), gpus_of({"accelerators": kind}, 1))
    return Ask(
        recipe=made.recipe.name,
        infra=made.infra,
        own_infra=str(own.get("infra") or ""),
        image=str(resources(made.task).get("image_id") or ""),
        own_image=str(own.get("image_id") or ""),
        bucket=typed.get(BUCKET.name, ""),
        volume=typed.get(VOLUME.name, ""),
        accelerators=kinds,
        nodes=made.nodes,
        gpus=made.nodes * max(kinds.values(), default=0),
        lease=made.lease,
        budget_dollars=made.budget_dollars,
        overrides=made.overrides,
    )


@dataclass(frozen=True, slots=True)
class Violation:
    """A bound that a launch exceeds.

    Attributes:
        bound: its name in the policy file, such as `nodes`.
        sentence: what is too much, and the limit.
        hint: what to type instead; may be empty.
    """

    bound: str
    sentence: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on a number. Its phrase has the placeholders `{value}` and `{most}`."""

    phrase: str
    hint: str = ""


LIMITS: Mapping[str, Limit] = {
    "nodes": Limit(mark("It asks for {value} nodes; your limit is {most}."), "nodes={most}"),
    "gpu_hours": Limit(mark("Nodes × GPUs × lease is {value} GPU-hours; your limit is {most}."), "lease=…"),
    "lease_hours": Limit(mark("Its lease is {value} hours; your limit is {most}."), "lease={most}"),
    "budget_dollars": Limit(mark("Its budget is ${value}; your limit is ${most}."), "budget={most}"),
}

NOT_ALLOWED = {
    "recipes": mark("The recipe `{value}` is not allowed for you here. Allowed: {allowed}."),
    "infra": mark("The infra `{value}` is not allowed for you here. Allowed: {allowed}."),
    "images": mark("The image `{value}` is not allowed for you here. Allowed: {allowed}."),
    "buckets": mark("The bucket `{value}` is not allowed for you here. Allowed: {allowed}."),
    "volumes": mark("The volume `{value}` is not allowed for you here. Allowed: {allowed}."),
    "overrides": mark("The setting `{value}` is not allowed for you here. Allowed: {allowed}."),
}
"""The phrase of a violation, by the name of the bound."""

ACCELERATORS_DENIED = mark("The accelerator {value} is not allowed for you here. Allowed: {allowed}.")
ACCELERATORS_MANY = mark("It asks for {value} × {kind} a node; your limit is {most}.")
OVERRIDE_DENIED = mark("Only an admin may set `{value}`: the policy denies `{pattern}`.")
OUTPUT_DENIED = mark("`{value}` names a place outside of the run's own folder, which only an admin may do.")
OWN_WORDS = mark("the recipe's own")
NOTHING = mark("none")


def violations(bounds: Bounds, ask: Ask) -> list[Violation]:
    """Return every bound that a launch exceeds, in the order of the policy file."""
    found = [
        *pattern_violation("recipes", bounds.recipes, ask.recipe, ""),
        *pattern_violation("infra", bounds.infra, ask.infra, ask.own_infra),
        *pattern_violation("images", bounds.images, ask.image, ask.own_image, exactly=True),
        *pattern_violation("buckets", bounds.buckets, ask.bucket, ""),
        *pattern_violation("volumes", bounds.volumes, ask.volume, ""),
        *accelerator_violations(bounds.accelerators, ask.accelerators),
        *limit_violation("nodes", bounds.nodes, ask.nodes),
        *limit_violation("gpu_hours", bounds.gpu_hours, ask.gpu_hours),
        *limit_violation("lease_hours", bounds.lease_hours, ask.lease / timedelta(hours=1)),
        *limit_violation("budget_dollars", bounds.budget_dollars, ask.budget_dollars),
    ]
    return [*found, *(one for override in ask.overrides for one in override_violation(bounds, override))]


def pattern_violation(
    bound: str, patterns: tuple[str, ...] | None, value: str, own: str, exactly: bool = False
) -> list[Violation]:
    """Return a violation where no pattern allows the value.

    A value that the launch does not request is always allowed.
    """
    if patterns is None or not value or any(is_allowed(value, pattern, own, exactly) for pattern in patterns):
        return []
    return [Violation(bound, say(NOT_ALLOWED[bound], value=value, allowed=allowed_words(patterns)))]


def is_allowed(value: str, pattern: str, own: str, exactly: bool = False) -> bool:
    """Return whether a pattern allows a value.

    `recipe` allows what the recipe has. Unless `exactly` is set, it also allows a part of that (`aws/us-east-1` of
    `aws`), and anything where the recipe leaves the choice open.

    >>> is_allowed("aws/us-east-1", "aws*", ""), is_allowed("aws/us-east-1", "recipe", "aws")
    (True, True)
    >>> is_allowed("gcp", "recipe", ""), is_allowed("gcp", "recipe", "aws"), is_allowed("x/y", "recipe", "x", True)
    (True, False, False)
    """
    if pattern == OWN:
        return value == own or (not exactly and (not own or value.startswith(f"{own}/")))
    return fnmatchcase(value.lower(), pattern.lower())


def allowed_words(patterns: tuple[str, ...]) -> str:
    """Return the allowed values as a translated list."""
    words = [say(OWN_WORDS) if pattern == OWN else f"`{pattern}`" for pattern in patterns]
    return listing(words) if words else say(NOTHING)


def accelerator_violations(most: Mapping[str, int] | None, kinds: Mapping[str, int]) -> list[Violation]:
    """Return a violation for each kind of accelerator that is not allowed, or of which there are too many."""
    if most is None:
        return []
    found = []
    for kind, count in kinds.items():
        limit = limit_of(most, kind)
        if limit is None:
            denied = say(ACCELERATORS_DENIED, value=kind, allowed=allowed_words(tuple(most)))
            found.append(Violation("accelerators", denied))
        elif count > limit:
            many = say(ACCELERATORS_MANY, value=count, kind=kind, most=limit)
            found.append(Violation("accelerators", many, f"gpus={kind}:{limit}" if limit else ""))
    return found


def limit_of(most: Mapping[str, int], kind: str) -> int | None:
    """Return the limit for a kind: that of the first pattern in the file that matches it, or else that of `*`.

    >>> limit_of({"H100": 8, "*": 4}, "h100"), limit_of({"H100": 8, "*": 4}, "L4"), limit_of({"A*": 1}, "L4")
    (8, 4, None)
    """
    named = (limit for pattern, limit in most.items() if pattern != "*" and fnmatchcase(kind.lower(), pattern.lower()))
    return next(named, most.get("*"))


def limit_violation(bound: str, most: float | None, value: float) -> list[Violation]:
    """Return a violation where the value exceeds the limit."""
    if most is None or value <= most:
        return []
    limit = LIMITS[bound]
    return [
        Violation(bound, say(limit.phrase, value=plain(value), most=plain(most)), limit.hint.format(most=f"{most:g}"))
    ]


def override_violation(bounds: Bounds, override: str) -> list[Violation]:
    """Return the violation of the first bound that an override exceeds."""
    keys = override_keys.keys_of(override)
    shown = override_keys.key_of(override)[:80]
    if bounds.denied_overrides and (pattern := override_keys.matches(keys, bounds.denied_overrides)):
        return [Violation("denied_overrides", say(OVERRIDE_DENIED, value=shown, pattern=pattern))]
    is_output = override_keys.matches(keys, OUTPUT_SETTINGS) is not None
    if not bounds.absolute_outputs and is_output and override_keys.is_outside(override):
        return [Violation("absolute_outputs", say(OUTPUT_DENIED, value=shown))]
    if bounds.overrides is not None and override_keys.matches(keys[:1], bounds.overrides) is None:
        allowed = allowed_words(bounds.overrides)
        return [Violation("overrides", say(NOT_ALLOWED["overrides"], value=shown, allowed=allowed))]
    return []


def refuse_out_of_bounds(every: tuple[Bounds, ...], ask: Ask, people: tuple[str, ...]) -> None:
    """Refuse a launch that exceeds one of several bounds: those of the requester's role, and those of the channel.

    Raises:
        UserError: it exceeds one. The error names everything that is too much, and what to type instead.
    """
    # Role and channel often have the same bound; each sentence is shown once.
    found = {one.sentence: one for bounds in every for one in violations(bounds, ask)}
    if not found:
        return
    hints = dict.fromkeys(one.hint for one in found.values() if one.hint)
    instead = say("Type {settings} instead.", settings=listing(f"`{hint}`" for hint in hints)) if hints else ""
    raise Denied(together(*found), instead, people, Act.LAUNCH)


def refuse_limits_out_of_bounds(every: tuple[Bounds, ...], before: Run, after: Run, people: tuple[str, ...]) -> None:
    """Refuse a longer lease or a larger budget than a person may give a run. Limits that did not grow are not checked.

    Raises:
        UserError: a limit grew beyond a bound.
    """
    gpus = gpu_count(after.nodes, after.gpus)
    hours, hours_before = (run.lease / timedelta(hours=1) for run in (after, before))
    found = {
        one.sentence: one
        for bounds in every
        for one in (
            # Only a limit that grows is checked: an approver may have given the old one.
            *(limit_violation("lease_hours", bounds.lease_hours, hours) if hours > hours_before else ()),
            *(limit_violation("gpu_hours", bounds.gpu_hours, gpus * hours) if hours > hours_before else ()),
            *(
                limit_violation("budget_dollars", bounds.budget_dollars, after.budget_dollars)
                if after.budget_dollars > before.budget_dollars
                else ()
            ),
        )
    }
    if found:
        raise Denied(together(*found), "", people, Act.EXTEND, before.id)
