"""Overrides that Hydra or the program would refuse on rented machines, and those that nothing would read. Pure."""

import re
from dataclasses import dataclass, replace
from typing import Self

from bot.core.commands.command import Launch
from bot.core.model.launch_plan import LaunchPlan
from bot.core.model.near_names import find_near_names
from bot.core.model.near_options import find_near_options
from bot.core.model.option_tree import Option, OptionKind, OptionTree
from bot.core.model.parameter import parse_number
from bot.core.model.recipe import Recipe
from bot.core.model.typed_text import format_inline_code
from bot.core.rules.launch_bounds import NESTED_KEY
from bot.errors import UnsuitableSetting
from bot.phrase import N_, Phrase, Text, join_list, join_sentences

MAX_SHOWN_KEYS = 8
MAX_KEY_CHARACTERS = 100
"""Maximum characters of a key that a sentence shows."""

MAX_WARNINGS = 3
"""Maximum overrides that a preview warns of: each is compared with all settings."""

ADD_HINT = N_("To add a new one, write `+` before it.")

KIND_WORDS = {
    OptionKind.FLAG: N_("`true` or `false`"),
    OptionKind.INTEGER: N_("a whole number"),
    OptionKind.NUMBER: N_("a number"),
}
"""What a setting of each checked kind takes."""


@dataclass(frozen=True, slots=True)
class Override:
    """One override, in its parts.

    Attributes:
        mark: `+` adds a setting, `++` adds or changes it, `~` deletes it; empty for a change.
        value: None where there is no `=`.
    """

    mark: str
    key: str
    value: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of an override as it was typed.

        >>> Override.parse("++a.b=c=d"), Override.parse("~a")
        (Override(mark='++', key='a.b', value='c=d'), Override(mark='~', key='a', value=None))
        """
        rest = text.lstrip("+~")
        key, equals, value = rest.partition("=")
        return cls(text[: len(text) - len(rest)], key.strip(), value.strip() if equals else None)

    @property
    def is_hydras(self) -> bool:
        """Return whether it is a setting of Hydra itself."""
        return re.match(r"hydra(?=[./@]|$)", self.key) is not None

    @property
    def may_add(self) -> bool:
        return self.mark in ("+", "++")


def move_choices(launch: Launch, recipe: Recipe, tree: OptionTree) -> Launch:
    """Return the launch with `model_engine=megatron` and its like as overrides: their names have no dot, so that they
    look like parameters.
    """
    own = {parameter.name for parameter in recipe.parameters}
    moved = [(name, text) for name, text in launch.parameters if name in tree.choices and name not in own]
    kept = tuple(setting for setting in launch.parameters if setting not in moved)
    return replace(launch, parameters=kept, overrides=(*(f"{key}={text}" for key, text in moved), *launch.overrides))


def find_engine(plan: LaunchPlan, tree: OptionTree) -> str:
    """Return the engine that a launch chooses: by an override, else in the recipe's script, else the default one."""
    pattern = re.compile(rf"(?<![\w.@+~]){re.escape(tree.engine_setting)}=[\"']?(\w{{1,40}})")
    chosen = [word for override in plan.overrides for word in pattern.findall(override)[:1]]
    chosen = chosen or pattern.findall(str(plan.recipe.task.get("run") or ""))
    return chosen[-1] if chosen and chosen[-1] in tree.engines else tree.engines[0]


def refuse_unfit_override(text: str, tree: OptionTree, engine: str, has_own_code: bool = False) -> None:
    """Refuse an override that Hydra would refuse before the training starts, so after the machines are paid for.

    Args:
        has_own_code: whether the launch brings code of the team's, which may register names that verl does not have.

    Raises:
        UnsuitableSetting: the program has no such setting, the mark before it does not fit, or its value is of another
            kind; the hint names what would work.
    """
    override = Override.parse(text)
    if override.is_hydras:
        return
    if override.key in tree.choices and not (override.value or "").startswith("{"):
        refuse_unknown_choice(override, tree)
        return
    option = tree.options.get(override.key)
    if option is None:
        refuse_unknown_key(override, tree, engine)
        return
    if option.engines and engine not in option.engines and not override.may_add:
        raise UnsuitableSetting(
            Phrase(
                "verl has {key} only with {engines}.",
                key=show_key(override.key),
                engines=join_list(f"`{tree.engine_setting}={name}`" for name in sorted(option.engines)),
            ),
            suggest_near_options(override.key, tree, engine),
            setting=override.key,
        )
    if not option.engines and not override.may_add:
        raise UnsuitableSetting(
            Phrase("verl takes {key}, but its configuration does not have it.", key=show_key(override.key)),
            Phrase("Write `+` before it."),
            setting=override.key,
        )
    if override.mark == "+" and engine in option.engines:
        raise UnsuitableSetting(
            Phrase("verl has {key} already, so Hydra refuses the `+`.", key=show_key(override.key)),
            Phrase("Leave out the `+`."),
            setting=override.key,
        )
    if override.mark != "~" and override.value is not None:
        refuse_unfit_value(override.key, override.value, option)
        refuse_unknown_value(override.key, override.value, tree, has_own_code)
        refuse_unknown_entries(override, option, tree, engine)


def refuse_unknown_choice(override: Override, tree: OptionTree) -> None:
    """Refuse a file that the group does not have, from which Hydra would take settings.

    Raises:
        UnsuitableSetting: there is none of this name.
    """
    choices = tree.choices[override.key]
    if override.value is None or override.value in choices or "${" in override.value:
        return
    names = find_near_names(override.value, choices) or choices
    raise UnsuitableSetting(
        Phrase(
            "`{key}` must be one of {choices}, not {value}.",
            key=override.key,
            choices=join_list(f"`{name}`" for name in choices),
            value=format_inline_code(override.value),
        ),
        Phrase("For example {choices}.", choices=f"`{override.key}={names[0]}`"),
        setting=override.key,
    )


def refuse_unknown_key(override: Override, tree: OptionTree, engine: str) -> None:
    """Refuse a setting that the configuration does not have, unless the override adds it.

    Raises:
        UnsuitableSetting: Hydra finds nothing of this name to change or to delete.
    """
    key = override.key
    if tree.is_list_entry(key) or (override.may_add and "@" not in key and "[" not in key):
        return
    problem = Phrase("verl has no setting {key}.", key=show_key(key))
    if "[" in key:
        hint: Text = Phrase("Hydra takes an entry of a list by its number, such as `trainer.logger.0`.")
    elif "@" in key or "/" in key:
        problem = Phrase("verl has no group of settings {key}.", key=show_key(key))
        hint = Phrase("It has {names}.", names=join_list(f"`{name}`" for name in tree.choices))
    elif tree.is_below_open(key):
        hint = Phrase("Write `+` before it.")
    else:
        hint = suggest_options(key, tree, engine)
    raise UnsuitableSetting(problem, hint, setting=key)


def suggest_options(key: str, tree: OptionTree, engine: str) -> Text:
    """Return the settings that a name nearly is, else some of its group; and how to add a new one."""
    if question := suggest_near_options(key, tree, engine):
        return join_sentences(question, Phrase(ADD_HINT))
    group = find_group(key, tree)
    names = [name for name in tree.list_below(group) if engine in tree.options[name].engines]
    shown = join_list(f"`{name}`" for name in names[:MAX_SHOWN_KEYS])
    return join_sentences(Phrase("It has settings such as {names}.", names=shown), Phrase(ADD_HINT))


def suggest_near_options(key: str, tree: OptionTree, engine: str) -> Text:
    """Return the settings that a name nearly is, as a question; empty where there are none."""
    near = [name for name in find_near_options(key, tree, engine) if name != key]
    shown = join_list(f"`{name if tree.options[name].engines else f'+{name}'}`" for name in near)
    return Phrase("Did you mean {names}?", names=shown) if near else ""


def find_group(key: str, tree: OptionTree) -> str:
    """Return the nearest group of settings above a name; empty for none."""
    group = key
    while "." in group:
        group = group.rpartition(".")[0]
        option = tree.options.get(group)
        if option is not None and option.kind is OptionKind.GROUP:
            return group
    return ""


def refuse_unfit_value(key: str, value: str, option: Option) -> None:
    """Refuse a value that is not of the setting's kind; what another setting or the environment gives is accepted.

    Raises:
        UnsuitableSetting: it is not, or it is null where the program needs a value.
    """
    if "${" in value:
        return
    if value == "null":
        if option.is_required:
            raise UnsuitableSetting(Phrase("`{key}` must have a value.", key=key), setting=key)
        return
    hint = Phrase("For no value, write `null`.") if value == "None" and not option.is_required else ""
    if not is_of_kind(value, option.kind):
        wanted = Phrase(KIND_WORDS[option.kind])
        problem = Phrase("`{key}` must be {wanted}, not {value}.", key=key, wanted=wanted, value=show_key(value))
        raise UnsuitableSetting(problem, hint, setting=key)
    if hint and option.kind is OptionKind.ANY:
        raise UnsuitableSetting(Phrase("Hydra reads {value} as a word.", value="`None`"), hint, setting=key)


def refuse_unknown_value(key: str, value: str, tree: OptionTree, has_own_code: bool) -> None:
    """Refuse a value that the program does not know, such as an estimator of no such name.

    Raises:
        UnsuitableSetting: it takes no such value; or only a team's own code could have added it, of which the launch
            has none, and it is nearly another.
    """
    allowed, word = tree.values.get(key), unquote(value)
    if has_own_code or allowed is None or allowed.holds(word) or "${" in value or value == "null":
        return
    near = find_near_names(word, allowed.values)
    if near or not allowed.is_open:
        names = near or allowed.values
        raise UnsuitableSetting(
            Phrase(
                "`{key}` must be one of {choices}, not {value}.",
                key=key,
                choices=join_list(f"`{name}`" for name in allowed.values),
                value=show_key(word),
            ),
            Phrase("For example {choices}.", choices=f"`{key}={names[0]}`"),
            setting=key,
        )


def unquote(value: str) -> str:
    """Return a value without the quotes that Hydra takes off.

    >>> unquote("'gae'"), unquote("gae"), unquote("'")
    ('gae', 'gae', "'")
    """
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def is_of_kind(value: str, kind: OptionKind) -> bool:
    """Return whether Hydra reads a text as a value of this kind. A kind that Hydra does not tell from a text is any.

    >>> [is_of_kind(value, OptionKind.INTEGER) for value in ("20", "-1", "1_000", "2.5", "1e3", "often")]
    [True, True, True, False, False, False]
    >>> is_of_kind("no", OptionKind.FLAG), is_of_kind("True", OptionKind.FLAG), is_of_kind("1e-6", OptionKind.NUMBER)
    (False, True, True)
    """
    match kind:
        case OptionKind.FLAG:
            return value.lower() in ("true", "false", "0", "1")
        case OptionKind.INTEGER:
            return re.fullmatch(r"[+-]?\d{1,30}(_\d{1,30}){0,9}", value) is not None
        case OptionKind.NUMBER:
            return parse_number(value.replace("_", "")) is not None or value.lower() in ("inf", "-inf")
        case OptionKind.TEXT | OptionKind.LIST | OptionKind.ANY | OptionKind.GROUP | OptionKind.OPEN:
            return True


def refuse_unknown_entries(override: Override, option: Option, tree: OptionTree, engine: str) -> None:
    """Refuse a mapping with names that the group does not have, given as `group={name: value}`.

    Raises:
        UnsuitableSetting: one of the names is no setting of the group.
    """
    value = override.value or ""
    # Names of a mapping within the mapping are settings of another group.
    if option.kind is not OptionKind.GROUP or value.count("{") != 1 or override.may_add:
        return
    for name in NESTED_KEY.findall(value):
        if f"{override.key}.{name}" not in tree.options:
            refuse_unknown_key(Override("", f"{override.key}.{name}", None), tree, engine)


def list_override_warnings(plan: LaunchPlan, tree: OptionTree) -> list[Text]:
    """Return what is doubtful about the overrides of a launch: settings that no code of the program reads."""
    engine = find_engine(plan, tree)
    warnings = (warn_of_override(Override.parse(text), tree, engine) for text in plan.overrides)
    return [warning for warning in warnings if warning][:MAX_WARNINGS]


def warn_of_override(override: Override, tree: OptionTree, engine: str) -> Text:
    """Return a warning of a setting that nothing reads; empty where something does."""
    key = override.key
    if key in tree.unread:
        instead = tree.unread[key]
        hint: Text = Phrase("Set {names} instead.", names=f"`{instead}`") if instead else ""
        return join_sentences(Phrase("No code of verl reads {key}.", key=show_key(key)), hint)
    allowed = tree.values.get(key)
    if allowed is not None and override.value is not None and not allowed.holds(unquote(override.value)):
        near = find_near_names(unquote(override.value), allowed.values)
        return join_sentences(
            Phrase(
                "verl itself has no {value} for `{key}`: your own code must register it.",
                value=show_key(unquote(override.value)),
                key=key,
            ),
            Phrase("Did you mean {names}?", names=join_list(f"`{name}`" for name in near)) if near else "",
        )
    if not override.may_add or override.is_hydras or key in tree.choices or tree.is_below_open(key):
        return ""
    option = tree.options.get(key)
    if option is not None and (not option.engines or engine in option.engines):
        return ""
    if option is None and key.rpartition(".")[2] in tree.read_names:
        return ""
    near = find_near_options(key, tree, engine)
    question: Text = Phrase("Did you mean {names}?", names=join_list(f"`{name}`" for name in near)) if near else ""
    return join_sentences(
        Phrase(
            "No code of verl reads {key}: unless your own code does, it changes nothing or stops verl.",
            key=show_key(key),
        ),
        question,
    )


def show_key(key: str) -> Text:
    """Return a setting as inline code."""
    return format_inline_code(key, MAX_KEY_CHARACTERS)
