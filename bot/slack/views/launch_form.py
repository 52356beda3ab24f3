"""The form that launches a run, and the question before an expensive launch. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Self

import msgspec

from bot.app.run_queries import LaunchPreview
from bot.core.commands.command import Launch
from bot.core.commands.parser import parse_command, refuse_secret
from bot.core.masking.masker import SHAPE_MASKER, Masker
from bot.core.model import typed_text
from bot.core.model.parameter import Parameter, ParameterKind
from bot.core.model.recipe import Recipe
from bot.errors import UnsuitableSetting, UserError
from bot.i18n import render, translate
from bot.phrase import N_, Phrase, Text
from bot.slack.payloads import MalformedDelivery, read_required
from bot.slack.views import wording
from bot.slack.views.blocks import (
    MAX_HINT_CHARACTERS,
    MAX_INPUT_CHARACTERS,
    MAX_OPTION_CHARACTERS,
    MAX_PLACEHOLDER_CHARACTERS,
    Block,
    actions,
    button,
    context,
    input_field,
    modal,
    option,
    plain_text,
    section,
    select_menu,
)
from bot.slack.views.max_cost import describe_max_cost
from bot.slack.views.message import Answer, build_answer
from bot.slack.views.mrkdwn import (
    CHANNEL_ID,
    Markup,
    command_code,
    mrkdwn,
    render_phrase,
    to_literal,
    to_plain_line,
    truncate,
)
from bot.slack.views.recipe_views import build_preview_notes

LAUNCH_FORM, RECIPE_ACTION, PREVIEW_ACTION = "launch_form", "form_recipe", "form_preview"
"""Slack's callback id of the form, and the action ids of the two controls in it that act at once."""

VALUE_ACTION = "value"
"""Action id of every field: the id of its block says which field it is."""

MAX_BLOCK_ID_CHARACTERS = 255
"""Maximum characters of a block's id."""

OVERRIDES_BLOCK, CHANNEL_BLOCK = "overrides", "channel"
"""Block ids of the fields that belong to no parameter."""


@dataclass(frozen=True, slots=True)
class LaunchFormValues:
    """Values that a person has entered, as typed; empty fields are left out.

    Attributes:
        channel: where the run's card is posted; empty where none was chosen.
        asks_channel: whether the form has a field for the channel, because it was opened outside of any channel.
        extra_arguments: further arguments of the command, such as Hydra overrides.
    """

    recipe: str
    channel: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    extra_arguments: str = ""
    asks_channel: bool = False

    @property
    def command_line(self) -> str:
        """Return the equivalent command, as it can be typed after `/verl`.

        >>> LaunchFormValues("ppo", parameters=(("nodes", "2"),), extra_arguments="trainer.total_epochs=3").command_line
        'launch ppo nodes=2 trainer.total_epochs=3'
        """
        command = typed_text.join_words(
            ("launch", self.recipe, *(f"{name}={value}" for name, value in self.parameters))
        )
        return f"{command} {self.extra_arguments}".strip()

    def without_secrets(self, masker: Masker) -> Self:
        """Return a copy without the values that may not be shown again."""
        parameters = tuple((name, text) for name, text in self.parameters if not masker.find_secret(f"{name}={text}"))
        return replace(
            self,
            parameters=parameters,
            extra_arguments="" if masker.find_secret(self.extra_arguments) else self.extra_arguments,
        )

    @classmethod
    def from_command(cls, command: str, channel: str) -> "LaunchFormValues":
        """Return the values that correspond to an earlier command.

        Raises:
            UserError: the command is not a launch.
        """
        launch = parse_command(command)
        if not isinstance(launch, Launch):
            raise UserError(
                Phrase("{command} launches nothing.", command=typed_text.format_inline_code(command)),
                Phrase("Type `/verl launch`."),
            )
        return cls.from_launch(launch, channel)

    @classmethod
    def from_launch(cls, launch: Launch, channel: str) -> "LaunchFormValues":
        """Return the values that correspond to a launch."""
        return cls(
            launch.recipe, channel, launch.parameters, typed_text.join_words(launch.overrides), asks_channel=not channel
        )


def build_form(
    recipe: Recipe,
    recipe_names: Sequence[str],
    values: LaunchFormValues,
    notes: Sequence[Markup] = (),
    refusal: Text = "",
) -> Block:
    """Return the view of the form. Slack keeps what was typed into a field as long as the field stays.

    Args:
        recipe_names: the names of all recipes.
        values: the initial values of the fields.
        notes: shown under the fields, such as the equivalent command.
        refusal: why the recipe cannot run here, shown where it is chosen; empty if it can.

    Raises:
        UserError: a value is too long for Slack's fields.
    """
    if len(values.extra_arguments) > MAX_INPUT_CHARACTERS or any(
        len(text) > MAX_INPUT_CHARACTERS for _, text in values.parameters
    ):
        raise UserError(
            Phrase("These settings are too long for a form."), Phrase("Type the command: `/verl launch RECIPE …`.")
        )
    choices = [option(name) for name in dict.fromkeys([*recipe_names, recipe.name])]
    blocks = [
        section(wording.describe_recipe(recipe))
        | {"accessory": select_menu(RECIPE_ACTION, translate("Recipe"), choices, option(recipe.name))},
        *([section(mrkdwn(":warning: {}", refusal))] if refusal else []),
        *([build_channel_field(values.channel)] if values.asks_channel else []),
        *list_parameter_fields(recipe, dict(values.parameters)),
        *([build_overrides_field(values.extra_arguments)] if recipe.takes_overrides else []),
        *(context(note) for note in notes),
        actions(button(translate("Show the command and its cost"), PREVIEW_ACTION, recipe.name)),
    ]
    metadata = json.dumps({"recipe": recipe.name, "channel": "" if values.asks_channel else values.channel})
    return modal(translate("Launch a run"), blocks, submit=translate("Launch"), callback=LAUNCH_FORM, metadata=metadata)


def build_channel_field(channel_id: str) -> Block:
    """Return the field for the channel, with an initial choice where `channel_id` is one."""
    element = {
        "type": "conversations_select",
        "action_id": VALUE_ACTION,
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    } | ({"initial_conversation": channel_id} if CHANNEL_ID.fullmatch(channel_id) else {})
    return input_field(
        CHANNEL_BLOCK,
        translate("Channel"),
        element,
        translate("Where the run's card and thread are."),
        optional=False,
    )


def build_overrides_field(text: str) -> Block:
    """Return the field for Hydra overrides."""
    element = {"type": "plain_text_input", "action_id": VALUE_ACTION, "multiline": True}
    hint = translate("As after the command: trainer.total_epochs=3; values with spaces in quotes.")
    return input_field(OVERRIDES_BLOCK, translate("Hydra overrides"), element | build_initial_value(text), hint)


def list_parameter_fields(recipe: Recipe, values: Mapping[str, str]) -> list[Block]:
    """Return a field for each parameter; of fields whose ids Slack cannot tell apart, the last."""
    fields = [build_parameter_field(recipe, parameter, values) for parameter in recipe.parameters]
    # Blocks of one view may not share an id.
    return list({field["block_id"]: field for field in fields}.values())


def build_parameter_field(recipe: Recipe, parameter: Parameter, values: Mapping[str, str]) -> Block:
    """Return the field of a parameter; an empty field means the recipe's default."""
    hint = to_hint_text(translate("{meaning}: {range}", meaning=translate(parameter.meaning), range=parameter.range))
    return input_field(
        make_block_id(recipe.name, parameter.name),
        parameter.name,
        build_control(parameter, values.get(parameter.name)),
        hint,
    )


def build_control(parameter: Parameter, value: str | None) -> Block:
    """Return a control for a parameter's kind."""
    value = normalize_value(parameter, value)
    default = parameter.default_with_unit
    unless_set = translate("default {value}", value=default) if default else translate("not set")
    match parameter.kind:
        # A menu takes no long choices: those are typed.
        case ParameterKind.CHOICE | ParameterKind.FLAG if all(
            len(choice) <= MAX_OPTION_CHARACTERS for choice in parameter.choices
        ):
            choices = [option(choice) for choice in parameter.choices or ("true", "false")]
            selected_option = option(value) if value is not None and option(value) in choices else None
            return select_menu(VALUE_ACTION, unless_set, choices, selected_option)
        # Slack's field for numbers takes no exponent and no unit, so it suits whole numbers only.
        case ParameterKind.INTEGER:
            limits = {"min_value": parameter.minimum, "max_value": parameter.maximum}
            bounds = {key: str(int(limit)) for key, limit in limits.items() if limit is not None and isfinite(limit)}
            return build_text_input("number_input", unless_set, value) | {"is_decimal_allowed": False} | bounds
        case ParameterKind.NUMBER | ParameterKind.TEXT | ParameterKind.CHOICE | ParameterKind.FLAG:
            return build_text_input("plain_text_input", unless_set, value)


def normalize_value(parameter: Parameter, text: str | None) -> str | None:
    """Return an earlier value as a control takes it: whole numbers without a sign, flags in one spelling.

    Return None for a value that the recipe no longer admits, so that the field shows the default.
    """
    if text is None:
        return None
    try:
        value = parameter.parse(text)
    except UserError:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else text


def build_text_input(kind: str, placeholder: str, text: str | None) -> Block:
    """Return a control into which a person types a value."""
    placeholder_text = plain_text(placeholder, MAX_PLACEHOLDER_CHARACTERS)
    return {"type": kind, "action_id": VALUE_ACTION, "placeholder": placeholder_text} | build_initial_value(text)


def build_initial_value(text: str | None) -> Block:
    """Return the entry of a control for its initial value."""
    return {"initial_value": truncate(to_literal(text), MAX_INPUT_CHARACTERS)} if text else {}


def make_block_id(recipe: str, parameter: str) -> str:
    """Return the id of a field's block. It contains the recipe, so that the fields of another recipe begin empty."""
    return to_plain_line(f"{recipe}.{parameter}", MAX_BLOCK_ID_CHARACTERS)


def read_values(view: Mapping[str, Any]) -> LaunchFormValues:
    """Return the values in a view that Slack has sent."""
    metadata = read_metadata(view)
    state = (view.get("state") or {}).get("values") or {}
    texts = {
        block: text for block, controls in state.items() if (text := read_control(controls.get(VALUE_ACTION) or {}))
    }
    prefix = make_block_id(metadata["recipe"], "")
    return LaunchFormValues(
        recipe=metadata["recipe"],
        channel=metadata["channel"] or texts.get(CHANNEL_BLOCK, ""),
        asks_channel=not metadata["channel"],
        parameters=tuple(
            (block_id.removeprefix(prefix), text) for block_id, text in texts.items() if block_id.startswith(prefix)
        ),
        extra_arguments=texts.get(OVERRIDES_BLOCK, ""),
    )


def read_metadata(view: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what the bot has stored in the form's private metadata.

    Raises:
        MalformedDelivery: the metadata is missing, or is not the bot's.
    """
    try:
        metadata = msgspec.json.decode(read_required(view, "private_metadata"), type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MalformedDelivery("the view is no form of a launch") from error
    if not {"recipe", "channel"} <= metadata.keys():
        raise MalformedDelivery("the view is no form of a launch")
    return metadata


def read_chosen_recipe(view: Mapping[str, Any]) -> str:
    """Return the recipe that the menu shows, which may be ahead of the fields; empty where Slack does not send it."""
    state = (view.get("state") or {}).get("values") or {}
    return next((read_control(controls[RECIPE_ACTION]) for controls in state.values() if RECIPE_ACTION in controls), "")


def read_control(element: Mapping[str, Any]) -> str:
    """Return the value of a control; empty where there is none.

    >>> read_control({"type": "static_select", "selected_option": {"value": "fast"}}), read_control({"value": None})
    ('fast', '')
    """
    selected_option = element.get("selected_option")
    option_value = selected_option.get("value") if isinstance(selected_option, Mapping) else None
    return str(option_value or element.get("selected_conversation") or element.get("value") or "").strip()


def find_problems(recipe: Recipe, values: LaunchFormValues, masker: Masker = SHAPE_MASKER) -> dict[str, UserError]:
    """Return what is wrong with single fields, by block."""
    errors = {}
    for name, text in values.parameters:
        try:
            refuse_secret(f"{name}={text}", masker)
            recipe.find_parameter(name).parse(text)
        except UserError as error:
            errors[make_block_id(recipe.name, name)] = error
    try:
        refuse_secret(values.extra_arguments, masker)
    except UserError as error:
        errors[OVERRIDES_BLOCK] = error
    return errors


def parse_launch(values: LaunchFormValues, masker: Masker = SHAPE_MASKER) -> Launch:
    """Return the command of the form, parsed exactly as if it was typed.

    Raises:
        UserError: the values are no launch.
    """
    match parse_command(values.command_line, masker=masker):
        case Launch(dry_run=False) as launch:
            return launch
        case _:
            raise UserError(Phrase("Only settings belong here."), Phrase("Type them as `trainer.total_epochs=3`."))


def build_refusal(view: Mapping[str, Any], sentence: Text, causes: Sequence[str] = ()) -> dict[str, str]:
    """Return a refusal under the first of the fields that may have caused it.

    Where the form has none of them, it is under the last field: next to the button that was pressed.
    """
    fields = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    return {next((block for block in causes if block in fields), fields[-1]): to_hint_text(sentence)}


def list_cause_fields(recipe: str, error: UserError) -> list[str]:
    """Return the blocks in which the setting may be that an error is about: its own, or that of the overrides."""
    return [make_block_id(recipe, error.setting), OVERRIDES_BLOCK] if isinstance(error, UnsuitableSetting) else []


def to_hint_text(sentence: Text) -> str:
    """Return a sentence for the hint under a field, where Slack renders no markup."""
    return to_plain_line(render(sentence), MAX_HINT_CHARACTERS).replace("`", "")


CONFIRM_LAUNCH = "launch-sure"

MAX_VALUE_CHARACTERS = 2_000
"""Maximum characters of a button's value (docs: Block Kit reference)."""

LAUNCH_QUESTION = N_("{command} can cost {most}. Launch it?")
HOW_TO_SKIP_QUESTION = N_("Add `--yes` to launch it without being asked.")


def build_launch_question(preview: LaunchPreview) -> Answer:
    """Return the question before an expensive launch, with a preview of it. The button carries the command that was
    typed.
    """
    plan = preview.plan
    question = render_phrase(
        LAUNCH_QUESTION,
        command=command_code("/verl " + plan.command_line),
        most=describe_max_cost(
            plan.budget_dollars, plan.lease, preview.rate, preview.rate is None and not preview.trouble
        ),
    )
    blocks: list[Block] = [section(question), *map(context, build_preview_notes(preview))]
    if len(plan.command_line) > MAX_VALUE_CHARACTERS:
        blocks.append(context(render_phrase(HOW_TO_SKIP_QUESTION)))
    elif not preview.refusal:
        blocks.append(actions(button(render_phrase("Launch it"), CONFIRM_LAUNCH, plan.command_line, style="primary")))
    return build_answer(question, blocks)
