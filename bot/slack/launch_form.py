"""The form of a launch: a recipe's parameters as fields, and what was filled in as the command that it stands for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Self

import msgspec

from bot.core import line
from bot.core.command import Launch
from bot.core.masking import SHAPES, Masker
from bot.core.parameter import Kind, Parameter
from bot.core.parse import parse, refuse_secret
from bot.core.recipe import Recipe
from bot.errors import UserError
from bot.language import say
from bot.slack import words
from bot.slack.blocks import (
    HINT_TEXT,
    INPUT_TEXT,
    OPTION_TEXT,
    OPTIONS,
    PLACEHOLDER_TEXT,
    Block,
    actions,
    button,
    context,
    input_field,
    modal,
    option,
    plain_text,
    section,
    select,
)
from bot.slack.deliveries import Malformed, needed
from bot.slack.text import CHANNEL_ID, Markup, cut, literal, plain

LAUNCH_FORM, RECIPE, PREVIEW = "launch_form", "form_recipe", "form_preview"
"""What Slack calls the form by, and the two controls in it that act at once."""

VALUE = "value"
"""The action of every field: its block tells which it is."""

BLOCK_ID = 255
"""Characters of the name of a block."""

OVERRIDES, CHANNEL = "overrides", "channel"
"""Blocks of fields that are no parameter's."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a person has filled in, as typed; fields that were left empty are left out.

    Attributes:
        channel: where the run's card shall stand; empty where none was chosen.
        asks_channel: whether the form has a field for it, because it was opened from no channel.
        more: further words of the command, such as Hydra overrides.
    """

    recipe: str
    channel: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    more: str = ""
    asks_channel: bool = False

    @property
    def line(self) -> str:
        """The command that it stands for, as it can be typed after `/verl`.

        >>> Filled("ppo", parameters=(("nodes", "2"),), more="trainer.total_epochs=3").line
        'launch ppo nodes=2 trainer.total_epochs=3'
        """
        typed = line.join(("launch", self.recipe, *(f"{name}={text}" for name, text in self.parameters)))
        return f"{typed} {self.more}".strip()

    def without_secrets(self, masker: Masker) -> Self:
        """The same without what may not be shown again."""
        kept = tuple((name, text) for name, text in self.parameters if not masker.find_secret(f"{name}={text}"))
        return replace(self, parameters=kept, more="" if masker.find_secret(self.more) else self.more)

    @classmethod
    def again(cls, command: str, channel: str) -> "Filled":
        """The form as an earlier command would have filled it in.

        Raises:
            UserError: it is no launch.
        """
        asked = parse(command)
        if not isinstance(asked, Launch):
            raise UserError(
                say("{command} launches nothing.", command=line.shown(command)), say("Type `/verl launch`.")
            )
        return cls(asked.recipe, channel, asked.parameters, line.join(asked.overrides), asks_channel=not channel)


def form(recipe: Recipe, others: Sequence[str], filled: Filled, notes: Sequence[Markup] = ()) -> Block:
    """The view: Slack keeps what was typed into a field as long as the field stays.

    Args:
        others: the names of all recipes.
        filled: what stands in the fields to begin with.
        notes: what is said under the fields, such as the command that they stand for.

    Raises:
        UserError: Slack's fields cannot hold what is filled in.
    """
    if len(filled.more) > INPUT_TEXT or any(len(text) > INPUT_TEXT for _, text in filled.parameters):
        raise UserError(say("No form holds settings that long."), say("Type the command: `/verl launch RECIPE …`."))
    choices = [option(name) for name in shown_names(others, recipe.name)]
    blocks = [
        section(words.recipe(recipe)) | {"accessory": select(RECIPE, say("Recipe"), choices, option(recipe.name))},
        *([channel_field(filled.channel)] if filled.asks_channel else []),
        *parameter_fields(recipe, dict(filled.parameters)),
        *([overrides_field(filled.more)] if recipe.takes_overrides else []),
        *(context(note) for note in notes),
        actions(button(say("Show the command and its cost"), PREVIEW, recipe.name)),
    ]
    kept = json.dumps({"recipe": recipe.name, "channel": "" if filled.asks_channel else filled.channel})
    return modal(say("Launch a run"), blocks, submit=say("Launch"), callback=LAUNCH_FORM, kept=kept)


def shown_names(names: Sequence[str], chosen: str) -> list[str]:
    """As many names as a menu takes, the chosen one among them."""
    shown = list(names[:OPTIONS])
    return shown if chosen in shown else [*shown[: OPTIONS - 1], chosen]


def channel_field(chosen: str) -> Block:
    asked = {
        "type": "conversations_select",
        "action_id": VALUE,
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    } | ({"initial_conversation": chosen} if CHANNEL_ID.fullmatch(chosen) else {})
    return input_field(CHANNEL, say("Channel"), asked, say("Where the run's card and thread stand."), optional=False)


def overrides_field(text: str) -> Block:
    asked = {"type": "plain_text_input", "action_id": VALUE, "multiline": True}
    hint = say("As after the command: trainer.total_epochs=3; values with spaces in quotes.")
    return input_field(OVERRIDES, say("Hydra overrides"), asked | initial(text), hint)


def parameter_fields(recipe: Recipe, given: Mapping[str, str]) -> list[Block]:
    """A field for each parameter; of those that Slack cannot tell apart, the last."""
    fields = [parameter_field(recipe, found, given) for found in recipe.parameters]
    return list({field["block_id"]: field for field in fields}.values())


def parameter_field(recipe: Recipe, found: Parameter, given: Mapping[str, str]) -> Block:
    """The field of a parameter; left empty, the recipe's default stands."""
    hint = unmarked(say("{meaning}: {range}", meaning=say(found.meaning), range=found.range))
    return input_field(block_of(recipe.name, found.name), found.name, control(found, given.get(found.name)), hint)


def control(found: Parameter, given: str | None) -> Block:
    """A control for a parameter's kind. Slack's field for numbers takes no exponent and no unit, so it is for whole
    ones alone; a menu takes no long choices."""
    given = spelled(found, given)
    unless_set = say("{value} unless set", value=found.default) if found.default else say("not set")
    match found.kind:
        case Kind.CHOICE | Kind.FLAG if all(len(choice) <= OPTION_TEXT for choice in found.choices):
            choices = [option(choice) for choice in found.choices or ("true", "false")]
            chosen = option(given) if given is not None and option(given) in choices else None
            return select(VALUE, unless_set, choices, chosen)
        case Kind.INTEGER:
            limits = {"min_value": found.minimum, "max_value": found.maximum}
            whole = {key: str(int(limit)) for key, limit in limits.items() if limit is not None and isfinite(limit)}
            return typed_control("number_input", unless_set, given) | {"is_decimal_allowed": False} | whole
        case Kind.NUMBER | Kind.TEXT | Kind.CHOICE | Kind.FLAG:
            return typed_control("plain_text_input", unless_set, given)


def spelled(found: Parameter, given: str | None) -> str | None:
    """An earlier value as a control takes it: whole numbers without a sign, flags in one spelling.

    What the recipe admits no more is left out, and its default stands in the field.
    """
    if given is None:
        return None
    try:
        value = found.read(given)
    except UserError:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else given


def typed_control(kind: str, placeholder: str, given: str | None) -> Block:
    shown = plain_text(placeholder, PLACEHOLDER_TEXT)
    return {"type": kind, "action_id": VALUE, "placeholder": shown} | initial(given)


def initial(text: str | None) -> Block:
    """What stands in a field to begin with."""
    return {"initial_value": cut(literal(text), INPUT_TEXT)} if text else {}


def block_of(recipe: str, parameter: str) -> str:
    """A field belongs to its recipe, so that another recipe's begins empty."""
    return plain(f"{recipe}.{parameter}", BLOCK_ID)


def filled_in(view: Mapping[str, Any]) -> Filled:
    """What stands in the fields of a view that Slack has sent."""
    kept = kept_in(view)
    state = (view.get("state") or {}).get("values") or {}
    texts = {block: text for block, one in state.items() if (text := chosen(one.get(VALUE) or {}))}
    prefix = block_of(kept["recipe"], "")
    return Filled(
        recipe=kept["recipe"],
        channel=kept["channel"] or texts.get(CHANNEL, ""),
        asks_channel=not kept["channel"],
        parameters=tuple((at.removeprefix(prefix), text) for at, text in texts.items() if at.startswith(prefix)),
        more=texts.get(OVERRIDES, ""),
    )


def kept_in(view: Mapping[str, Any]) -> Mapping[str, str]:
    """What the bot has put beside a form.

    Raises:
        Malformed: that is not there, or not the bot's.
    """
    try:
        kept = msgspec.json.decode(needed(view, "private_metadata"), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Malformed("the view is no form of a launch") from error
    if not {"recipe", "channel"} <= kept.keys():
        raise Malformed("the view is no form of a launch")
    return kept


def chosen_recipe(view: Mapping[str, Any]) -> str:
    """What stands in the choice of a recipe, which may be ahead of the fields; empty where Slack does not tell."""
    state = (view.get("state") or {}).get("values") or {}
    return next((chosen(one[RECIPE]) for one in state.values() if RECIPE in one), "")


def chosen(element: Mapping[str, Any]) -> str:
    """The value of a control; empty where there is none.

    >>> chosen({"type": "static_select", "selected_option": {"value": "fast"}}), chosen({"value": None})
    ('fast', '')
    """
    option_chosen = element.get("selected_option")
    picked = option_chosen.get("value") if isinstance(option_chosen, Mapping) else None
    return str(picked or element.get("selected_conversation") or element.get("value") or "").strip()


def problems(recipe: Recipe, filled: Filled, masker: Masker = SHAPES) -> dict[str, UserError]:
    """What is wrong with single fields, by block."""
    found = {}
    for name, text in filled.parameters:
        try:
            refuse_secret(f"{name}={text}", masker)
            recipe.parameter(name).read(text)
        except UserError as error:
            found[block_of(recipe.name, name)] = error
    try:
        refuse_secret(filled.more, masker)
    except UserError as error:
        found[OVERRIDES] = error
    return found


def launch_of(filled: Filled, masker: Masker = SHAPES) -> Launch:
    """The command that the form stands for: the very one that would be typed.

    Raises:
        UserError: no run comes of it.
    """
    match parse(filled.line, masker=masker):
        case Launch(dry_run=False) as asked:
            return asked
        case _:
            raise UserError(say("Only settings belong here."), say("Type them as `trainer.total_epochs=3`."))


def refused(view: Mapping[str, Any], sentence: str) -> dict[str, str]:
    """A refusal that no single field caused, under the last of them: beside the button that was pressed."""
    fields = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    return {fields[-1]: unmarked(sentence)}


def unmarked(sentence: str) -> str:
    """A sentence as it stands under a field, where Slack marks nothing up."""
    return plain(sentence, HINT_TEXT).replace("`", "")
