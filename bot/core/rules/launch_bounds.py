"""Whether a launch is within the bounds of its person's role and of its channel. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase

from bot.core.model.accelerators import list_accelerators
from bot.core.model.launch_plan import LaunchPlan, resources
from bot.core.model.ledger import count_gpus
from bot.core.model.parameter import format_number
from bot.core.model.people import Act
from bot.core.model.policy import FROM_RECIPE, OUTPUT_SETTINGS, Bounds
from bot.core.model.recipe import BUCKET, VOLUME
from bot.core.model.resources import count_choice_gpus, list_resources
from bot.core.model.run import Run
from bot.core.rules.limit_changes import find_raising_act
from bot.errors import Denied
from bot.phrase import N_, Phrase, Text, join_list, join_sentences

HYDRA_MARKS = re.compile(r"^[+~]{1,2}")
"""Marks before a key: add, add or change, delete (Hydra's basic override syntax)."""

NESTED_KEY = re.compile(r"(?<![\w.@/-])([\w.@/-]++)['\"]?+\s*+:")
"""A key inside a value: `{trust_remote_code: true}`."""

CONFIG_REFERENCE = re.compile(r"\$\{\s*+[\w.\[\]]++\s*+\}")
"""OmegaConf's reference to another setting, which changes nothing else."""

RESOLVER_CALL = re.compile(r"\$\{[^}$]*+")
"""What remains after removing references: OmegaConf calls a resolver such as `oc.env`, whose name may itself be built
from references.
"""

OUTSIDE_PATH = re.compile(r"^['\"]?(/|~|\.\.(/|$)|[A-Za-z]:[\\/])|/\.\.(/|$)")
"""A value that names a place outside the run's own folder."""


def parse_override_key(override: str) -> str:
    """Return the setting that an override names, without Hydra's marks.

    >>> (parse_override_key("++a.b=1"), parse_override_key("~a.b"), parse_override_key("hydra/launcher=x"),
    ...  parse_override_key("db@src=y"))
    ('a.b', 'a.b', 'hydra/launcher', 'db@src')
    """
    return HYDRA_MARKS.sub("", override).partition("=")[0].strip()


def parse_override_value(override: str) -> str:
    return override.partition("=")[2].strip()


def list_override_keys(override: str) -> tuple[str, ...]:
    """Return every setting that an override changes: its own key, each package that it names, and keys in its value.

    >>> list_override_keys("actor.model={path: x, trust_remote_code: true}")
    ('actor.model', 'actor.model.path', 'actor.model.trust_remote_code')
    >>> (list_override_keys("model@hydra.run=big"), list_override_keys("a=${oc.${b}:TOKEN}"),
    ...  list_override_keys("a=${trainer.n_gpus_per_node}"))
    (('model@hydra.run', 'model', 'hydra.run'), ('a', 'a.oc.', '${oc.:TOKEN'), ('a',))
    """
    key, value = parse_override_key(override), CONFIG_REFERENCE.sub("", parse_override_value(override))
    packages = re.split(r"[@:]", key) if "@" in key else []
    # A dict or list in the value changes settings below the key.
    nested = [f"{key}.{name}" for name in NESTED_KEY.findall(value)] if "{" in value or "[" in value else []
    return tuple(dict.fromkeys(filter(None, [key, *packages, *nested, *RESOLVER_CALL.findall(value)])))


def find_matching_pattern(keys: Iterable[str], patterns: Iterable[str]) -> str | None:
    """Return the first of these patterns that one of the keys matches, in any case; None for none.

    A pattern that ends in `.*` also matches the setting itself: replacing a group changes all of it.

    >>> (find_matching_pattern(["hydra"], ["hydra.*"]), find_matching_pattern(["Hydra.run.dir"], ["hydra.*"]),
    ...  find_matching_pattern(["data.path"], ["hydra.*"]))
    ('hydra.*', 'hydra.*', None)
    """
    names = [key.lower() for key in keys]
    for pattern in patterns:
        lowercase_pattern = pattern.lower()
        group = lowercase_pattern.removesuffix(".*")
        if any(fnmatchcase(name, lowercase_pattern) or name == group for name in names):
            return pattern
    return None


def points_outside(override: str) -> bool:
    """Return whether an override's value names a place outside the run's own folder.

    >>> [points_outside(f"trainer.default_local_dir={place}") for place in ("/root", "'~/x'", "b/../../c", "b")]
    [True, True, True, False]
    """
    return OUTSIDE_PATH.search(parse_override_value(override)) is not None


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What a launch requests, as far as bounds concern it.

    Attributes:
        infra, image: what it requests; empty where it takes the recipe's.
        recipe_infra, recipe_image: what the recipe itself has.
        accelerators: the largest number per node, by kind.
        gpus: number of all nodes together.
        code: the repository that it names; empty for none.
    """

    recipe: str
    infra: str
    recipe_infra: str
    image: str
    recipe_image: str
    bucket: str
    volume: str
    accelerators: Mapping[str, int]
    nodes: int
    gpus: int
    lease: timedelta
    budget_dollars: float
    keep: timedelta = timedelta()
    overrides: tuple[str, ...] = ()
    code: str = ""

    @property
    def gpu_hours(self) -> float:
        return self.gpus * (self.lease / timedelta(hours=1))


def build_launch_request(plan: LaunchPlan) -> LaunchRequest:
    """Return what a launch plan requests."""
    parameters = dict(plan.parameters)
    recipe_resources = resources(plan.recipe.task)
    kinds: dict[str, int] = {}
    for choice in list_resources(plan.task):
        for kind in list_accelerators(choice.get("accelerators")):
            name = kind.partition(":")[0].strip()
            kinds[name] = max(kinds.get(name, 0), count_choice_gpus({"accelerators": kind}, 1))
    return LaunchRequest(
        recipe=plan.recipe.name,
        infra=plan.infra,
        recipe_infra=str(recipe_resources.get("infra") or ""),
        image=str(resources(plan.task).get("image_id") or ""),
        recipe_image=str(recipe_resources.get("image_id") or ""),
        bucket=parameters.get(BUCKET.name, ""),
        volume=parameters.get(VOLUME.name, ""),
        accelerators=kinds,
        nodes=plan.nodes,
        gpus=plan.nodes * max(kinds.values(), default=0),
        lease=plan.lease,
        budget_dollars=plan.budget_dollars,
        keep=plan.keep or timedelta(),
        overrides=plan.overrides,
        code=plan.code.repository if plan.code else "",
    )


@dataclass(frozen=True, slots=True)
class BoundViolation:
    """A bound that a launch exceeds.

    Attributes:
        bound: its name in the policy file, such as `nodes`.
        sentence: what is too much, and the limit.
        hint: what to type instead; may be empty.
    """

    bound: str
    sentence: Text
    hint: str = ""


@dataclass(frozen=True, slots=True)
class NumericBound:
    """A bound on a number. Its phrase has the placeholders `{value}` and `{most}`."""

    phrase: str
    hint: str = ""


NUMERIC_BOUNDS: Mapping[str, NumericBound] = {
    "nodes": NumericBound(N_("It asks for {value} nodes; your limit is {most}."), "nodes={most}"),
    "gpu_hours": NumericBound(N_("Nodes × GPUs × lease is {value} GPU-hours; your limit is {most}."), "lease=…"),
    "lease_hours": NumericBound(N_("Its lease is {value} h; your limit is {most} h."), "lease={most}"),
    "budget_dollars": NumericBound(N_("Its budget is ${value}; your limit is ${most}."), "budget={most}"),
    "keep_hours": NumericBound(N_("It keeps a failed cluster for {value} h; your limit is {most} h."), "keep={most}"),
}

NOT_ALLOWED = {
    "recipes": N_("The recipe `{value}` is not allowed for you here. Allowed: {allowed}."),
    "code": N_("The repository `{value}` is not allowed for you here. Allowed: {allowed}."),
    "infra": N_("The infra `{value}` is not allowed for you here. Allowed: {allowed}."),
    "images": N_("The image `{value}` is not allowed for you here. Allowed: {allowed}."),
    "buckets": N_("The bucket `{value}` is not allowed for you here. Allowed: {allowed}."),
    "volumes": N_("The volume `{value}` is not allowed for you here. Allowed: {allowed}."),
    "overrides": N_("The setting `{value}` is not allowed for you here. Allowed: {allowed}."),
}
"""The phrase of a violation, by the name of the bound."""

HOW_TO_ALLOW_CODE = N_("An admin allows it in the policy file: `bounds: {line}`.")
ACCELERATORS_DENIED = N_("The accelerator {value} is not allowed for you here. Allowed: {allowed}.")
TOO_MANY_ACCELERATORS = N_("It asks for {value} × {kind} per node; your limit is {most}.")
OVERRIDE_DENIED = N_("Only an admin may set `{value}`: the policy denies `{pattern}`.")
OUTPUT_DENIED = N_("`{value}` is a place outside of the run's own folder; only an admin may set that.")
RECIPE_OWN_LABEL = N_("the recipe's default")
NONE_LABEL = N_("none")


def find_violations(bounds: Bounds, request: LaunchRequest) -> list[BoundViolation]:
    """Return every bound that a launch exceeds, in the order of the policy file."""
    violations_before_overrides = [
        *check_pattern("recipes", bounds.recipes, request.recipe, ""),
        *check_code(bounds.code, request.code),
        *check_pattern("infra", bounds.infra, request.infra, request.recipe_infra),
        *check_pattern("images", bounds.images, request.image, request.recipe_image, exactly=True),
        *check_pattern("buckets", bounds.buckets, request.bucket, ""),
        *check_pattern("volumes", bounds.volumes, request.volume, ""),
        *check_accelerators(bounds.accelerators, request.accelerators),
        *check_limit("nodes", bounds.nodes, request.nodes),
        *check_limit("gpu_hours", bounds.gpu_hours, request.gpu_hours),
        *check_limit("lease_hours", bounds.lease_hours, request.lease / timedelta(hours=1)),
        *check_limit("budget_dollars", bounds.budget_dollars, request.budget_dollars),
        *check_limit("keep_hours", bounds.keep_hours, request.keep / timedelta(hours=1)),
    ]
    return [
        *violations_before_overrides,
        *(violation for override in request.overrides for violation in check_override(bounds, override)),
    ]


def check_pattern(
    bound: str, patterns: tuple[str, ...] | None, value: str, recipe_value: str, exactly: bool = False
) -> list[BoundViolation]:
    """Return a violation where no pattern allows the value.

    A value that the launch does not request is always allowed.
    """
    if patterns is None or not value or any(is_allowed(value, pattern, recipe_value, exactly) for pattern in patterns):
        return []
    return [BoundViolation(bound, Phrase(NOT_ALLOWED[bound], value=value, allowed=describe_allowed(patterns)))]


def check_code(patterns: tuple[str, ...] | None, repository: str) -> list[BoundViolation]:
    """Return a violation where no pattern allows the repository, with the line of the policy that would.

    >>> print(check_code((), "acme/rl")[0].sentence)
    The repository `acme/rl` is not allowed for you here. Allowed: none. An admin allows it in the policy file: \
`bounds: {code: [acme/*]}`.
    """
    line = f"{{code: [{repository.rpartition('/')[0]}/*]}}"
    return [
        replace(violation, sentence=join_sentences(violation.sentence, Phrase(HOW_TO_ALLOW_CODE, line=line)))
        for violation in check_pattern("code", patterns, repository, "", exactly=True)
    ]


def is_allowed(value: str, pattern: str, recipe_value: str, exactly: bool = False) -> bool:
    """Return whether a pattern allows a value.

    `recipe` allows what the recipe has. Unless `exactly` is set, it also allows a part of that (`aws/us-east-1` of
    `aws`), and anything where the recipe leaves the choice open.

    >>> is_allowed("aws/us-east-1", "aws*", ""), is_allowed("aws/us-east-1", "recipe", "aws")
    (True, True)
    >>> is_allowed("gcp", "recipe", ""), is_allowed("gcp", "recipe", "aws"), is_allowed("x/y", "recipe", "x", True)
    (True, False, False)
    """
    if pattern == FROM_RECIPE:
        return value == recipe_value or (not exactly and (not recipe_value or value.startswith(f"{recipe_value}/")))
    return fnmatchcase(value.lower(), pattern.lower())


def describe_allowed(patterns: tuple[str, ...]) -> Text:
    """Return the allowed values as a translated list."""
    words = [Phrase(RECIPE_OWN_LABEL) if pattern == FROM_RECIPE else f"`{pattern}`" for pattern in patterns]
    return join_list(words) if words else Phrase(NONE_LABEL)


def check_accelerators(limits: Mapping[str, int] | None, kinds: Mapping[str, int]) -> list[BoundViolation]:
    """Return a violation for each kind of accelerator that is not allowed, or of which there are too many."""
    if limits is None:
        return []
    violations = []
    for kind, count in kinds.items():
        limit = find_accelerator_limit(limits, kind)
        if limit is None:
            sentence = Phrase(ACCELERATORS_DENIED, value=kind, allowed=describe_allowed(tuple(limits)))
            violations.append(BoundViolation("accelerators", sentence))
        elif count > limit:
            excess_sentence = Phrase(TOO_MANY_ACCELERATORS, value=count, kind=kind, most=limit)
            violations.append(BoundViolation("accelerators", excess_sentence, f"gpus={kind}:{limit}" if limit else ""))
    return violations


def find_accelerator_limit(limits: Mapping[str, int], kind: str) -> int | None:
    """Return the limit for a kind: that of the first pattern in the file that matches it, or else that of `*`.

    >>> (find_accelerator_limit({"H100": 8, "*": 4}, "h100"), find_accelerator_limit({"H100": 8, "*": 4}, "L4"),
    ...  find_accelerator_limit({"A*": 1}, "L4"))
    (8, 4, None)
    """
    matching = (
        limit for pattern, limit in limits.items() if pattern != "*" and fnmatchcase(kind.lower(), pattern.lower())
    )
    return next(matching, limits.get("*"))


def check_limit(bound: str, maximum: float | None, value: float) -> list[BoundViolation]:
    """Return a violation where the value exceeds the limit."""
    if maximum is None or value <= maximum:
        return []
    numeric_bound = NUMERIC_BOUNDS[bound]
    return [
        BoundViolation(
            bound,
            Phrase(numeric_bound.phrase, value=format_number(value), most=format_number(maximum)),
            numeric_bound.hint.format(most=f"{maximum:g}"),
        )
    ]


def check_override(bounds: Bounds, override: str) -> list[BoundViolation]:
    """Return the violation of the first bound that an override exceeds."""
    keys = list_override_keys(override)
    shown_key = parse_override_key(override)[:80]
    if bounds.denied_overrides and (pattern := find_matching_pattern(keys, bounds.denied_overrides)):
        return [BoundViolation("denied_overrides", Phrase(OVERRIDE_DENIED, value=shown_key, pattern=pattern))]
    is_output = find_matching_pattern(keys, OUTPUT_SETTINGS) is not None
    if not bounds.absolute_outputs and is_output and points_outside(override):
        return [BoundViolation("absolute_outputs", Phrase(OUTPUT_DENIED, value=shown_key))]
    if bounds.overrides is not None and find_matching_pattern(keys[:1], bounds.overrides) is None:
        allowed = describe_allowed(bounds.overrides)
        return [BoundViolation("overrides", Phrase(NOT_ALLOWED["overrides"], value=shown_key, allowed=allowed))]
    return []


def refuse_out_of_bounds(all_bounds: tuple[Bounds, ...], request: LaunchRequest, people: tuple[str, ...]) -> None:
    """Refuse a launch that exceeds one of several bounds: those of the requester's role, and those of the channel.

    Raises:
        UserError: it exceeds one. The error names everything that is too much, and what to type instead.
    """
    # Role and channel often have the same bound; each sentence is shown once.
    violations_by_sentence = {
        violation.sentence: violation for bounds in all_bounds for violation in find_violations(bounds, request)
    }
    if not violations_by_sentence:
        return
    hints = dict.fromkeys(violation.hint for violation in violations_by_sentence.values() if violation.hint)
    instead = Phrase("Type {settings} instead.", settings=join_list(f"`{hint}`" for hint in hints)) if hints else ""
    raise Denied(join_sentences(*violations_by_sentence), instead, people, Act.LAUNCH)


def refuse_limits_out_of_bounds(
    all_bounds: tuple[Bounds, ...], before: Run, after: Run, people: tuple[str, ...]
) -> None:
    """Refuse a longer lease or a larger budget than a person may give a run. Limits that did not grow are not checked.

    Raises:
        UserError: a limit grew beyond a bound.
    """
    gpus = count_gpus(after.plan.nodes, after.plan.gpus)
    hours, hours_before = (run.limits.lease / timedelta(hours=1) for run in (after, before))
    violations_by_sentence = {
        violation.sentence: violation
        for bounds in all_bounds
        for violation in (
            # Only a limit that grows is checked: an approver may have given the old one.
            *(check_limit("lease_hours", bounds.lease_hours, hours) if hours > hours_before else ()),
            *(check_limit("gpu_hours", bounds.gpu_hours, gpus * hours) if hours > hours_before else ()),
            *(
                check_limit("budget_dollars", bounds.budget_dollars, after.limits.budget_dollars)
                if after.limits.budget_dollars > before.limits.budget_dollars
                else ()
            ),
        )
    }
    if violations_by_sentence:
        raise Denied(join_sentences(*violations_by_sentence), "", people, find_raising_act(before, after), before.id)
