"""Answers to commands that need no run."""

import html

from bot.core.commands.specs import COMMAND_SPECS
from bot.slack.views import help_views


def test_no_command_is_cut_from_the_help() -> None:
    shown = "\n".join(
        block["text"]["text"] for block in help_views.render_help(None)["blocks"] if block["type"] == "section"
    )
    assert [form.word for form in COMMAND_SPECS.values() if form.meaning not in html.unescape(shown)] == []
