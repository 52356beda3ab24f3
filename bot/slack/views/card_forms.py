"""The small forms that a card opens: why a launch is declined, another lease, another budget. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from bot.core.model.run import Run
from bot.slack.payloads import MalformedDelivery
from bot.slack.views import wording
from bot.slack.views.blocks import Block, input_field, modal, section
from bot.slack.views.launch_form import VALUE_ACTION, build_text_input
from bot.slack.views.mrkdwn import Markup, code, command_code, join_markup_sentences, mention, render_phrase

DECLINE_FORM, LIMIT_FORM = "decline_form", "limit_form"
"""Names under which Slack returns the forms."""

VALUE_BLOCK = "value"

MAX_REASON_CHARACTERS = 200
"""Maximum characters of the reason why a launch is declined."""


@dataclass(frozen=True, slots=True)
class CardForm:
    """What a form knows of the button that opened it.

    Attributes:
        word: the command that the form replaces, such as `extend`.
        run: the run's id; channel: the channel of the button, in which the role counts; empty for a page.
    """

    word: str
    run: str
    channel: str

    @classmethod
    def of_view(cls, view: Mapping[str, Any]) -> Self:
        """Return what the view carries.

        Raises:
            MalformedDelivery: the view is none of these forms.
        """
        word, _, rest = str(view.get("private_metadata") or "").partition(" ")
        run, _, channel = rest.partition(" ")
        if not word or not run:
            raise MalformedDelivery("a form of no run")
        return cls(word, run, channel)

    @property
    def metadata(self) -> str:
        """Return it as the view carries it."""
        return f"{self.word} {self.run} {self.channel}"


def read_form_value(view: Mapping[str, Any]) -> str:
    """Return what the person typed, on one line."""
    controls = ((view.get("state") or {}).get("values") or {}).get(VALUE_BLOCK) or {}
    value = (controls.get(VALUE_ACTION) or {}).get("value")
    return " ".join(str(value).split()) if isinstance(value, str) else ""


def build_decline_form(run: Run, channel: str) -> Block:
    """Return the form that asks why a launch is declined."""
    question = render_phrase(
        "{person} will see the reason in the thread of {run}.", person=mention(run.requester), run=code(run.id)
    )
    control = build_text_input("plain_text_input", render_phrase("such as: use the small recipe first"), None) | {
        "max_length": MAX_REASON_CHARACTERS
    }
    return modal(
        render_phrase("Decline this launch"),
        [
            section(question),
            input_field(VALUE_BLOCK, render_phrase("Reason"), control, render_phrase("You can leave it empty.")),
        ],
        render_phrase("Decline"),
        DECLINE_FORM,
        CardForm("decline", run.id, channel).metadata,
    )


def build_lease_form(run: Run, channel: str) -> Block:
    """Return the form that asks for how much longer a run may live."""
    intro = join_markup_sentences(
        wording.describe_lease_sentence(run),
        render_phrase("Same as: {command}", command=code(f"/verl extend {run.id} 2h")),
    )
    return build_limit_form(
        "extend", run, channel, render_phrase("Extend the lease"), intro, render_phrase("By how long"), "2h"
    )


def build_budget_form(run: Run, channel: str, now: datetime) -> Block:
    """Return the form that asks for another budget."""
    intro = join_markup_sentences(
        render_phrase(
            "{run} has used {spent} of its budget of {budget}.",
            run=code(run.id),
            spent=wording.format_dollars(run.cost(now) or 0.0),
            budget=wording.format_dollars(run.limits.budget_dollars),
        ),
        render_phrase("Same as: {command}", command=code(f"/verl budget {run.id} {2 * run.limits.budget_dollars:g}")),
    )
    label = render_phrase("New budget, in dollars")
    return build_limit_form(
        "budget", run, channel, render_phrase("Change the budget"), intro, label, f"{2 * run.limits.budget_dollars:g}"
    )


def build_limit_form(
    word: str, run: Run, channel: str, title: Markup, intro: Markup, label: Markup, example: str
) -> Block:
    """Return the form of one limit; its hint shows how a value is written."""
    field = input_field(
        VALUE_BLOCK,
        label,
        build_text_input("plain_text_input", example, None),
        render_phrase("such as {example}", example=example),
        optional=False,
    )
    return modal(
        title, [section(intro), field], render_phrase("Change"), LIMIT_FORM, CardForm(word, run.id, channel).metadata
    )


def render_command_to_copy(run: Run) -> Markup:
    """Return the command that launched a run, where it can be copied from."""
    return render_phrase(
        "The command of {run}: {command}", run=code(run.id), command=command_code("/verl " + run.command_line)
    )
