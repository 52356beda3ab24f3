"""Block elements: what people press, choose and fill in (docs.slack.dev, Block Kit, block elements)."""

from collections.abc import Mapping

from slack_playground.checks.objects import (
    ALT_TEXT,
    COLOURS,
    CONFIRM,
    DISPATCHES,
    FILTER,
    IDENTIFIER,
    OPTION,
    OPTION_GROUP,
    OPTION_OF_BOXES,
    OPTION_OF_MENU,
    OPTIONS,
    SLACK_FILE,
    URL,
    WORKFLOW,
    chosen_of_options,
    plain,
)
from slack_playground.checks.rich_text import RICH_TEXT
from slack_playground.checks.rules import Rule, exactly_one, flag, items, matching, ordered, record, string, whole

MANY = 1_000
"""Items of lists for which Slack names no limit."""

LABEL = string(75)
VALUE = string(2_000)
PLACEHOLDER = plain(150)
LONGEST_INPUT = 3_000
FIGURE = matching(r"-?\d+(\.\d+)?", "a number as a string")
ID = string(255)

NAMED = {"action_id": IDENTIFIER}
ASKING = NAMED | {"confirm": CONFIRM}
CHOOSING = ASKING | {"focus_on_load": flag}
MENU = CHOOSING | {"placeholder": PLACEHOLDER}
MENU_OF_MANY = MENU | {"max_selected_items": whole(1)}
FIELD = NAMED | {"focus_on_load": flag, "placeholder": PLACEHOLDER, "dispatch_action_config": DISPATCHES}

OF_OPTIONS = {"options": items(OPTION, OPTIONS), "option_groups": items(OPTION_GROUP, OPTIONS)}
BOXES = {"options": items(OPTION_OF_BOXES, 10)}
CURRENT = {"default_to_current_conversation": flag, "filter": FILTER}
ANSWERED = {"response_url_enabled": flag}
QUERY = {"min_query_length": whole(0)}

ACTING: Mapping[str, Rule] = {
    "button": record(
        {"text": plain(75)},
        ASKING | {"url": URL, "value": VALUE, "style": COLOURS, "accessibility_label": LABEL},
    ),
    "workflow_button": record(
        {"text": plain(75), "workflow": WORKFLOW},
        NAMED | {"style": COLOURS, "accessibility_label": LABEL},
    ),
    "overflow": record({"options": items(OPTION_OF_MENU, 5)}, ASKING),
}
"""Those that act and hold nothing."""

CHOICES: Mapping[str, Rule] = {
    "checkboxes": record(BOXES, CHOOSING | {"initial_options": items(OPTION_OF_BOXES, 10)}, chosen_of_options),
    "radio_buttons": record(BOXES, CHOOSING | {"initial_option": OPTION_OF_BOXES}, chosen_of_options),
    "static_select": record(
        {}, MENU | OF_OPTIONS | {"initial_option": OPTION}, exactly_one("options", "option_groups"), chosen_of_options
    ),
    "external_select": record({}, MENU | QUERY | {"initial_option": OPTION}),
    "users_select": record({}, MENU | {"initial_user": ID}),
    "conversations_select": record({}, MENU | CURRENT | ANSWERED | {"initial_conversation": ID}),
    "channels_select": record({}, MENU | ANSWERED | {"initial_channel": ID}),
    "multi_static_select": record(
        {},
        MENU_OF_MANY | OF_OPTIONS | {"initial_options": items(OPTION, OPTIONS)},
        exactly_one("options", "option_groups"),
        chosen_of_options,
    ),
    "multi_external_select": record({}, MENU_OF_MANY | QUERY | {"initial_options": items(OPTION, OPTIONS)}),
    "multi_users_select": record({}, MENU_OF_MANY | {"initial_users": items(ID, MANY)}),
    "multi_conversations_select": record({}, MENU_OF_MANY | CURRENT | {"initial_conversations": items(ID, MANY)}),
    "multi_channels_select": record({}, MENU_OF_MANY | {"initial_channels": items(ID, MANY)}),
    "datepicker": record({}, MENU | {"initial_date": matching(r"\d{4}-\d\d-\d\d", "a date as YYYY-MM-DD")}),
    "timepicker": record(
        {}, MENU | {"initial_time": matching(r"([01]\d|2[0-3]):[0-5]\d", "a time as HH:mm"), "timezone": string(255)}
    ),
    "datetimepicker": record({}, CHOOSING | {"initial_date_time": whole(10**9, 10**10 - 1)}),
}
"""Those in which something is chosen."""

FIELDS: Mapping[str, Rule] = {
    "plain_text_input": record(
        {},
        FIELD
        | {
            "initial_value": string(LONGEST_INPUT, least=0),
            "multiline": flag,
            "min_length": whole(0, LONGEST_INPUT),
            "max_length": whole(1, LONGEST_INPUT),
        },
        ordered("min_length", "max_length"),
    ),
    "number_input": record(
        {"is_decimal_allowed": flag},
        FIELD | {"initial_value": FIGURE, "min_value": FIGURE, "max_value": FIGURE},
        ordered("min_value", "max_value"),
    ),
    "email_text_input": record({}, FIELD | {"initial_value": string(LONGEST_INPUT, least=0)}),
    "url_text_input": record({}, FIELD | {"initial_value": string(LONGEST_INPUT, least=0)}),
    "rich_text_input": record(
        {},
        FIELD | {"initial_value": RICH_TEXT, "min_lines": whole(1, 100), "max_lines": whole(1, 100)},
        ordered("min_lines", "max_lines"),
    ),
    "file_input": record({}, NAMED | {"filetypes": items(string(50), 100), "max_files": whole(1, 10)}),
}
"""Those that are filled in."""

IMAGE: Mapping[str, Rule] = {
    "image": record(
        {"alt_text": ALT_TEXT},
        {"image_url": URL, "slack_file": SLACK_FILE},
        exactly_one("image_url", "slack_file"),
    )
}

FEEDBACK = record({"text": plain(75), "value": VALUE}, {"accessibility_label": LABEL})
BESIDE: Mapping[str, Rule] = {
    "feedback_buttons": record({"positive_button": FEEDBACK, "negative_button": FEEDBACK}, NAMED),
    "icon_button": record(
        {"icon": string(255), "text": plain(75)},
        ASKING | {"accessibility_label": LABEL, "value": VALUE, "visible_to_user_ids": items(ID, 10)},
    ),
}
"""Those of a `context_actions` block."""
