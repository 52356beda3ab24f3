"""The form of a launch: a recipe's parameters as fields, and the values of the fields as a command."""

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
"""Slack's callback id of the form, and the action ids of the two controls in it that act at once."""

VALUE = "value"
"""Action id of every field: the id of its block says which field it is."""

BLOCK_ID = 255
"""Maximum characters of a block's id."""

OVERRIDES, CHANNEL = "overrides", "channel"
"""Block ids of the fields that belong to no parameter."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Values that a person has entered, as typed; empty fields are left out.

    Attributes:
        channel: where the run's card is posted; empty where none was chosen.
        asks_channel: whether the form has a field for the channel, because it was opened outside of any channel.
        extra_arguments: further arguments of the command, such as Hydra overrides.
    """

    recipe: str
    channel: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    more: str = ""
    asks_channel: bool = False

    @property
    def line(self) -> str:
        """Return the equivalent command, as it can be typed after `/verl`.

        >>> Filled("ppo", parameters=(("nodes", "2"),), more="trainer.total_epochs=3").line
        'launch ppo nodes=2 trainer.total_epochs=3'
        """
        typed = line.join(("launch", self.recipe, *(f"{name}={text}" for name, text in self.parameters)))
        return f"{typed} {self.more}".strip()

    def without_secrets(self, masker: Masker) -> Self:
        """Return a copy without the values that may not be shown again."""
        kept = tuple((name, text) for name, text in self.parameters if not masker.find_secret(f"{name}={text}"))
        return replace(self, parameters=kept, more="" if masker.find_secret(self.more) else self.more)

    @classmethod
    def again(cls, command: str, channel: str) -> "Filled":
        """Return the values that correspond to an earlier command.

        Raises:
            UserError: the command is not a launch.
        """
        asked = parse(command)
        if not isinstance(asked, Launch):
            raise UserError(
                say("{command} launches nothing.", command=line.shown(command)), say("Type `/verl launch`.")
            )
        return cls(asked.recipe, channel, asked.parameters, line.join(asked.overrides), asks_channel=not channel)


def form(recipe: Recipe, others: Sequence[str], filled: Filled, notes: Sequence[Markup] = ()) -> Block:
    """Return the view of the form. Slack keeps what was typed into a field as long as the field stays.

    Args:
        recipe_names: the names of all recipes.
        values: the initial values of the fields.
        notes: shown under the fields, such as the equivalent command.

    Raises:
        UserError: a value is too long for Slack's fields.
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
    """Return as many names as a menu takes, the chosen one among them."""
    shown = list(names[:OPTIONS])
    return shown if chosen in shown else [*shown[: OPTIONS - 1], chosen]


def channel_field(chosen: str) -> Block:
    """Return the field for the channel, with an initial choice where `channel_id` is one."""
    asked = {
        "type": "conversations_select",
        "action_id": VALUE,
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    } | ({"initial_conversation": chosen} if CHANNEL_ID.fullmatch(chosen) else {})
    return input_field(CHANNEL, say("Channel"), asked, say("Where the run's card and thread stand."), optional=False)


def overrides_field(text: str) -> Block:
    """Return the field for Hydra overrides."""
    asked = {"type": "plain_text_input", "action_id": VALUE, "multiline": True}
    hint = say("As after the command: trainer.total_epochs=3; values with spaces in quotes.")
    return input_field(OVERRIDES, say("Hydra overrides"), asked | initial(text), hint)


def parameter_fields(recipe: Recipe, given: Mapping[str, str]) -> list[Block]:
    """Return a field for each parameter; of fields whose ids Slack cannot tell apart, the last."""
    fields = [parameter_field(recipe, found, given) for found in recipe.parameters]
    # Blocks of one view may not share an id.
    return list({field["block_id"]: field for field in fields}.values())


def parameter_field(recipe: Recipe, found: Parameter, given: Mapping[str, str]) -> Block:
    """Return the field of a parameter; an empty field means the recipe's default."""
    hint = unmarked(say("{meaning}: {range}", meaning=say(found.meaning), range=found.range))
    return input_field(block_of(recipe.name, found.name), found.name, control(found, given.get(found.name)), hint)


def control(found: Parameter, given: str | None) -> Block:
    """Return a control for a parameter's kind."""
    given = spelled(found, given)
    unless_set = say("{value} unless set", value=found.default) if found.default else say("not set")
    match found.kind:
        # A menu takes no long choices: those are typed.
        case Kind.CHOICE | Kind.FLAG if all(len(choice) <= OPTION_TEXT for choice in found.choices):
            choices = [option(choice) for choice in found.choices or ("true", "false")]
            chosen = option(given) if given is not None and option(given) in choices else None
            return select(VALUE, unless_set, choices, chosen)
        # Slack's field for numbers takes no exponent and no unit, so it suits whole numbers only.
        case Kind.INTEGER:
            limits = {"min_value": found.minimum, "max_value": found.maximum}
            whole = {key: str(int(limit)) for key, limit in limits.items() if limit is not None and isfinite(limit)}
            return typed_control("number_input", unless_set, given) | {"is_decimal_allowed": False} | whole
        case Kind.NUMBER | Kind.TEXT | Kind.CHOICE | Kind.FLAG:
            return typed_control("plain_text_input", unless_set, given)


def spelled(found: Parameter, given: str | None) -> str | None:
    """Return an earlier value as a control takes it: whole numbers without a sign, flags in one spelling.

    Return None for a value that the recipe no longer admits, so that the field shows the default.
    """
    if given is None:
        return None
    try:
        value = found.read(given)
    except UserError:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else given


def typed_control(kind: str, placeholder: str, given: str | None) -> Block:
    """Return a control into which a person types a value."""
    shown = plain_text(placeholder, PLACEHOLDER_TEXT)
    return {"type": kind, "action_id": VALUE, "placeholder": shown} | initial(given)


def initial(text: str | None) -> Block:
    """Return the entry of a control for its initial value."""
    return {"initial_value": cut(literal(text), INPUT_TEXT)} if text else {}


def block_of(recipe: str, parameter: str) -> str:
    """Return the id of a field's block. It contains the recipe, so that the fields of another recipe begin empty."""
    return plain(f"{recipe}.{parameter}", BLOCK_ID)


def filled_in(view: Mapping[str, Any]) -> Filled:
    """Return the values in a view that Slack has sent."""
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
    """Return what the bot has stored in the form's private metadata.

    Raises:
        MalformedDelivery: the metadata is missing, or is not the bot's.
    """
    try:
        kept = msgspec.json.decode(needed(view, "private_metadata"), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise Malformed("the view is no form of a launch") from error
    if not {"recipe", "channel"} <= kept.keys():
        raise Malformed("the view is no form of a launch")
    return kept


def chosen_recipe(view: Mapping[str, Any]) -> str:
    """Return the recipe that the menu shows, which may be ahead of the fields; empty where Slack does not send it."""
    state = (view.get("state") or {}).get("values") or {}
    return next((chosen(one[RECIPE]) for one in state.values() if RECIPE in one), "")


def chosen(element: Mapping[str, Any]) -> str:
    """Return the value of a control; empty where there is none.

    >>> chosen({"type": "static_select", "selected_option": {"value": "fast"}}), chosen({"value": None})
    ('fast', '')
    """
    option_chosen = element.get("selected_option")
    picked = option_chosen.get("value") if isinstance(option_chosen, Mapping) else None
    return str(picked or element.get("selected_conversation") or element.get("value") or "").strip()


def problems(recipe: Recipe, filled: Filled, masker: Masker = SHAPES) -> dict[str, UserError]:
    """Return what is wrong with single fields, by block."""
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
    """Return the command of the form, parsed exactly as if it was typed.

    Raises:
        UserError: the values are no launch.
    """
    match parse(filled.line, masker=masker):
        case Launch(dry_run=False) as asked:
            return asked
        case _:
            raise UserError(say("Only settings belong here."), say("Type them as `trainer.total_epochs=3`."))


def refused(view: Mapping[str, Any], sentence: str) -> dict[str, str]:
    """Return a refusal that no single field caused, under the last field: next to the button that was pressed."""
    fields = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    return {fields[-1]: unmarked(sentence)}


def unmarked(sentence: str) -> str:
    """Return a sentence for the hint under a field, where Slack renders no markup."""
    return plain(sentence, HINT_TEXT).replace("`", "")
