"""Every builder of what Slack gets, with hostile values in every string of what it is given, in every language.

Builders are found by what they return, their values are made by the types of what they take (tests/hostile.py): a new
builder, a new record and a new field are tested without a word here, and what cannot be made is to be named here.
"""

import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bot.slack
from bot.app.ports import ChartRenderer
from bot.core.commands.command import RUN_LISTS
from bot.core.commands.specs import COMMAND_SPECS, CommandSpec
from bot.core.model.history import MetricsHistory
from bot.core.model.metrics import StepMetrics
from bot.core.model.policy import Scope
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Mute
from bot.core.model.sent_message import RunMessages, SentMessage
from bot.core.rules.chart_data import Chart
from bot.core.rules.downsample import Point
from bot.core.rules.forecast import BudgetSpent, LeaseEnding, name_budget_mute
from bot.core.rules.report_content import DigestContent
from bot.errors import AmbiguousRun, LaunchDecided, Unavailable, UnreadableRecord, UserError
from bot.i18n import use_language
from bot.phrase import LANGUAGES, Phrase
from bot.slack.views import answers, checkpoint_views, home_view, limit_notices, limit_reports, run_thread
from bot.slack.views.audit_views import FIELD_PHRASES
from bot.slack.views.blocks import Block, actions, button, confirmation, context, option, section
from bot.slack.views.message import Answer, FileUpload, Message, build_answer, build_text_answer, to_metadata_key
from bot.slack.views.mrkdwn import Markup, code, escape
from bot.slack.views.progress_views import COST_SINCE_SUMMARY, COST_SINCE_THEN
from bot.slack.views.rescue_views import SAVE_GRACE_REASONS
from bot.slack.views.tables import CELL_PIECE, Column, build_cell, build_table, parse_elements
from tests.builders import NOON, a_recipe, running
from tests.hostile import HOSTILE, Maker, Special, refuse_unsafe, refuse_unseen
from tests.slack.views.test_report_views import VALIDATED
from tests.slack.views.test_run_thread import NOW, PACED, RUNS, waiting_for_approval

ONE, FEW, MANY, PLENTY = range(1), range(1, 3), range(3, 60), range(3, 300)
"""Seeds: of every check, of each run, of the longer runs, and those among which a rare state is looked for."""

TRUSTED = {
    "mrkdwn": "makes markup of text and of our own phrases: tests/slack/views/test_mrkdwn*.py",
}
"""Modules whose functions take text of ours."""

EXCLUDED = {
    "approval_views.render_question_with_rate": "takes phrases of ours; resume and retry call it",
    "manifest.build_manifest": "is for a person to paste; nothing in it is from outside",
    "explanation_views.describe_value": "takes a phrase of ours with its fields; describe_comparison calls it",
    "socket_mode.to_mapping": "reads what Slack sends, and makes nothing of it",
    "socket_mode.parse_message": "likewise",
    "cost_views.describe_idle_part": "takes a phrase of ours; describe_idle_time calls it",
    "left_messages.list_left_messages": "repeats messages that other builders made, under other keys",
}


def words(maker: Maker) -> Phrase:
    """A phrase, or a key of a metric in its place; fields have phrases of ours alone."""
    key = Phrase(maker.text())
    return key if maker.make(bool) else Phrase("{metric} of {run}", metric=key, run=maker.text())


def history(maker: Maker) -> MetricsHistory:
    keys = [maker.text() or "x" for _ in range(4)]
    return MetricsHistory.from_stored(
        {}, [StepMetrics(step, dict.fromkeys(keys, step / 7), 1e9 + step) for step in range(1, maker.choice([3, 90]))]
    )


def points(maker: Maker) -> tuple[Point, ...]:
    return tuple((float(x), maker.make(float)) for x in range(maker.choice([0, 1, 5, 90])))


def an_answer(maker: Maker) -> Answer:
    return build_text_answer(escape(maker.text()))


def rules_of(maker: Maker) -> str:
    return str(maker.choice(list(limit_reports.WOULD_END)))


def purse(maker: Maker) -> str:
    return f"{maker.choice(list(Scope))}:{maker.text()}"


def error(maker: Maker) -> Exception:
    text = maker.text().encode(errors="replace").decode()  # it goes to the log too, which pytest's workers send on
    kinds = (UserError, Unavailable, ValueError, lambda why: UnreadableRecord(why, why))
    return typing.cast("Exception", maker.choice(kinds)(text))


def texts_of_two(maker: Maker) -> list[Markup]:
    return [escape(maker.text()), escape(maker.text())]


def a_table(maker: Maker) -> Block:
    columns = [Column(escape(maker.text())), Column(escape(maker.text()), is_number=True)]
    return build_table(columns, [texts_of_two(maker) for _ in range(3)])


def a_task(maker: Maker) -> dict[str, Any]:
    return {"name": maker.text(), "envs": {maker.text(): maker.text()}, "resources": {"accelerators": maker.text()}}


SPECIAL: Special = {
    Block: lambda maker: section(escape(maker.text())),
    Exception: error,
    AmbiguousRun: lambda maker: AmbiguousRun(maker.text(), maker.text(), [(maker.text(), NOON)]),
    LaunchDecided: lambda maker: LaunchDecided(
        maker.text(), maker.text(), maker.choice([NOON, None]), maker.choice([True, False]), maker.text()
    ),
    CommandSpec: lambda maker: maker.choice(list(COMMAND_SPECS.values())),
    MetricsHistory: history,
    ChartRenderer: lambda maker: SimpleNamespace(render=lambda chart, fallback: b"PNG"),
    UnreadableRecord: lambda maker: UnreadableRecord(maker.text(), maker.text(), maker.make(bool)),
    Phrase: words,
    "SaveGrace.reason": lambda maker: maker.choice(list(SAVE_GRACE_REASONS)),
    "ChartLine.points": points,
    "Message.urgent": lambda maker: maker.text(),
    "BudgetOverrun.budget_key": purse,
    "LaunchPlan.task": a_task,
    "BudgetThreshold.budget_key": purse,
    "Recipe.task": lambda maker: a_recipe().task,
    "Report.when": lambda maker: maker.choice(["daily 9:00", "weekdays 8:30", "every 2h"]),
    "PolicyHit.rule": rules_of,
    "actions(elements)": lambda maker: button(maker.text(), f"act-{maker.choice(range(10**9))}", maker.text()),
    "Finding.reference": lambda maker: maker.choice(["https://arxiv.org/abs/2505.22617", maker.choice(HOSTILE)]),
    # The log ingest records a tracker's page only if its host is known.
    "Progress.tracker_page": lambda maker: maker.choice(["https://wandb.ai/t/p/runs/1", maker.choice(HOSTILE)]),
    "Parameter.maximum": lambda maker: maker.choice([None, 400.0]),
    "Parameter.minimum": lambda maker: maker.choice([None, 0.0]),
    "Parameter.pattern": lambda maker: maker.choice(["", "[a-z]+"]),
    "RunLimits.budget_dollars": lambda maker: maker.choice([0.5, 100.0]),
    "answer": an_answer,
    **dict.fromkeys(["action", "callback", "file", "input_field(block)"], lambda maker: "ours"),
    "describe_end_time(run)": lambda maker: maker.poisoned(over_budget()),
    "render_advice(advice)": lambda maker: Phrase("Lower `trainer.save_freq` of {run}.", run=maker.text()),
    "build_approval_blocks(run)": lambda maker: maker.poisoned(waiting_for_approval()),
    "describe_forecast_excess(run)": lambda maker: maker.poisoned(over_budget()),
    "build_channel_field(channel_id)": lambda maker: maker.choice(["", "C0TRAIN"]),
    "render_field_change(name)": lambda maker: maker.choice(list(FIELD_PHRASES)),
    "confirm": lambda maker: None,
    "element": lambda maker: {"type": "plain_text_input", "action_id": "ours"},
    "to_notice_markup(text)": lambda maker: f":warning: *The record of `x` is broken* ({maker.text()}). {maker.text()}",
    "describe_forecast(run)": lambda maker: maker.poisoned(over_budget()),
    "describe_cost_change(phrase)": lambda maker: maker.choice([COST_SINCE_SUMMARY, COST_SINCE_THEN]),
    "describe_incomplete(phrase)": lambda maker: maker.choice(
        [checkpoint_views.NONE_COMPLETE, checkpoint_views.NONE_WAS_COMPLETE]
    ),
    "chart_message(run)": lambda maker: maker.poisoned(running(progress=VALIDATED)),
    **dict.fromkeys(
        ["describe_origin(run)", "link_tracker(run)"],
        lambda maker: maker.choice([RESUMED, maker.poisoned(RESUMED)]),
    ),
    "build_keep_notice(run)": lambda maker: maker.poisoned(RUNS["stopping, kept for a look"]),
    "build_keep_notice(now)": lambda maker: NOW,
    "describe_sources(progress)": lambda maker: several_sources(maker.text()),
    "render_file_link(address)": lambda maker: "https://files.slack.com/F1?a&b",
    "build_text_input(kind)": lambda maker: "plain_text_input",
    "keys": lambda maker: to_metadata_key(maker.text()),
    "line_chart(labels)": lambda maker: ["1", "2"],
    "line_chart(series)": lambda maker: [(maker.text(), [0.5, 1.5]), (maker.text(), [2.0, 0.004])],
    "render_concerns(content)": lambda maker: replace(
        maker.make(DigestContent), active=(maker.poisoned(over_budget()),)
    ),
    **dict.fromkeys(["render_alarm_line(run)", "render_attention(run)"], lambda maker: maker.poisoned(over_budget())),
    "options": lambda maker: [option(maker.text()), option(maker.text())],
    "select_menu(chosen)": lambda maker: None,
    "style": lambda maker: maker.choice(["primary", "danger"]),
    "render_log_file_answer(address)": lambda maker: maker.choice(
        ["https://files.slack.com/F1?a&b", "", maker.choice(HOSTILE)]
    ),
    "selected_charts": lambda maker: [maker.make(Chart) for _ in range(maker.choice([1, 2]))],
    **dict.fromkeys(["with_subject", "render_name", "format_name", "show_person", "show_name"], lambda maker: code),
    "find_run": lambda maker: lambda _: None,
    "build_row": lambda maker: lambda _: [section(escape(maker.text()))],
    "build_run_list(more)": lambda maker: home_view.MORE_RUNS,
    "rich_cell(elements)": lambda maker: parse_elements(code(maker.text())),
    "text_elements(text)": lambda maker: escape(maker.text()),
    "describe_time_left(run)": lambda maker: maker.poisoned(over_budget()),
    "find_acceptance(run)": lambda maker: let_stop(maker.text()),
    "list_budget_pings(run)": lambda maker: replace(maker.poisoned(over_budget()), messages=PINGED),
    "list_budget_pings(spent)": lambda maker: BudgetSpent(limit_notices.PING_PERCENT),
    "list_lease_pings(run)": lambda maker: replace(maker.poisoned(over_budget()), messages=PINGED),
    "list_lease_pings(warning)": lambda maker: LeaseEnding(timedelta(minutes=1)),
    "build_table(columns)": lambda maker: [Column(escape(maker.text())), Column(escape(maker.text()), is_number=True)],
    "build_table(rows)": lambda maker: [texts_of_two(maker) for _ in range(maker.choice([0, 3, 150]))],
    "take_fitting_rows(rows)": lambda maker: a_table(maker)["rows"],
    "build_line_sections(table)": a_table,
    "render_cell(cell)": lambda maker: build_cell(escape(maker.text())),
    "render_element(element)": lambda maker: parse_elements(code(maker.text()))[0],
    "piece_elements(piece)": lambda maker: CELL_PIECE.search(code(maker.text())),
    **dict.fromkeys(["render_row(titles)", "render_row(cells)"], texts_of_two),
    **dict.fromkeys(["render_line", "format_charge"], lambda maker: lambda _: escape(maker.text())),
    "original": an_answer,
    "fields_section(fields)": lambda maker: [escape(maker.text()) for _ in range(maker.choice([1, 4, 12]))],
    "overflow_menu(choices)": lambda maker: {f"extend {n}": maker.text() for n in range(maker.choice([1, 7]))},
    "section_with(accessory)": lambda maker: button(maker.text(), "act", maker.text()),
    "render_blocks": lambda maker: lambda message: list(message.blocks),
    "selection": lambda maker: maker.choice(RUN_LISTS),
    "list_within_budget_messages(run)": lambda maker: maker.poisoned(within_budget()),
    "word": lambda maker: maker.choice([None, *COMMAND_SPECS]),
    "workspace": lambda maker: maker.choice(list(LANGUAGES)),
}
"""What not every value will do for: our own words among the strings, numbers in order."""


def over_budget() -> Run:
    """One that will have spent its budget before its last step."""
    return running(progress=PACED, budget_dollars=0.5)


RESUMED: Run = RUNS["running, resumed, many settings"]


def several_sources(name: str) -> Progress:
    """Validations of two sources of data, one with this name."""
    results = {f"val-core/{source}/reward/mean@1": 0.5 for source in ("gsm8k", name or "x")}
    return Progress(metrics=results, validation=0.5, validation_key="val-core/gsm8k/reward/mean@1")


PINGED: RunMessages = RunMessages(
    sent={key: SentMessage("1.2", "d", "50 earlier", NOON) for key in ("budget", "lease")}
)
"""The notices of a budget and of a lease that were sent before the last warning."""


def let_stop(person: str) -> Run:
    """One that a person lets stop at its budget."""
    run = over_budget()
    mute = Mute(name_budget_mute(run.limits.budget_dollars), person, NOON)
    return replace(run, requests=run.requests.mute_finding(mute))


def within_budget() -> Run:
    """One that was said to spend more than its budget of $100, and will not."""
    return running(progress=PACED, sent_messages={"ahead-100": SentMessage("1.2", "d", "", NOON)})


Builder = Callable[..., Any]


def returns_views(kind: Any) -> bool:
    """Return whether a type is, or holds, what is sent to Slack."""
    if kind in (Markup, Message, FileUpload, Block):
        return True
    return any(map(returns_views, typing.get_args(kind))) and typing.get_origin(kind) is not typing.get_origin(Builder)


def builders() -> Iterator[tuple[str, Builder]]:
    """Every function of `bot.slack` that returns what Slack gets."""
    for module in pkgutil.walk_packages(bot.slack.__path__, "bot.slack."):
        found = import_module(module.name)
        stem = module.name.rsplit(".", 1)[-1]
        for name, function in inspect.getmembers(found, inspect.isfunction):
            is_own = function.__module__ == found.__name__ and stem not in TRUSTED
            if is_own and returns_views(typing.get_type_hints(function).get("return")):
                yield f"{stem}.{name}", function


BUILDERS = dict(builders())


def values_for(builder: Builder, maker: Maker) -> list[Any]:
    """Return hostile values for whatever a builder takes."""
    hints, given = typing.get_type_hints(builder), []
    for name, parameter in inspect.signature(builder).parameters.items():
        own = f"{builder.__name__}({name})"
        known = own if own in SPECIAL else name
        is_many = parameter.kind is parameter.VAR_POSITIONAL
        given += maker.several(hints[name], known, least=1) if is_many else [maker.make(hints[name], known)]
    return given


def built(builder: Builder, given: list[Any]) -> Any:
    """Return what a builder makes of these values; where it refuses them, the refusal as it is answered."""
    try:
        return builder(*given)
    except UserError as refusal:
        return answers.render_user_error(refusal)


def refuse_unsafe_result(made: Any) -> None:
    """Fail on what a builder must not make."""
    match made:
        case None | Run():
            return
        case Message():
            assert isinstance(made.urgent, str)
            refuse_unsafe({"text": made.text, "blocks": list(made.blocks)})
            refuse_unseen(made.alt_text)
        case FileUpload():
            refuse_unseen([made.name, made.title, "" if isinstance(made.content, bytes) else made.content])
            assert made.name.splitlines() == [made.name]
        case list() | tuple():
            for one in made:
                refuse_unsafe_result(one)
        case _:
            refuse_unsafe(made)


@pytest.mark.parametrize("name", sorted(set(BUILDERS) - set(EXCLUDED)))
@pytest.mark.parametrize(
    "seeds",
    [
        ONE,
        pytest.param(FEW, marks=pytest.mark.slow),
        pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.thorough]),
    ],
    ids=["one", "few", "many"],
)
def test_nothing_from_outside_is_live_in_what_slack_gets(name: str, seeds: range) -> None:
    for seed in seeds:
        given = values_for(BUILDERS[name], Maker(seed, SPECIAL))
        for language in LANGUAGES:
            with use_language(language):
                refuse_unsafe_result(built(BUILDERS[name], given))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_in_any_state_is_told_of_safely_whatever_its_record_holds(name: str) -> None:
    maker = Maker(len(name), SPECIAL)
    run = maker.poisoned(RUNS[name])
    log = "\n".join(HOSTILE)
    for language in LANGUAGES:
        with use_language(language):
            refuse_unsafe_result(run_thread.build_conversation(run, NOW, log))
            for answer in (
                answers.render_status(run, NOW),
                answers.acknowledge_launch(run),
                answers.render_artifacts(run),
            ):
                refuse_unsafe(answer)
            refuse_unsafe(
                [
                    answers.render_run_line(run, NOW),
                    *home_view.build_home_blocks(home_view.HomeRuns([run], [run], [run]), NOW),
                ]
            )


@given(text=st.text(st.sampled_from("<>&|!@#^`*_~:\n\u202e ") | st.characters()), name=st.sampled_from(sorted(RUNS)))
@settings(max_examples=25)
def test_a_run_is_told_of_safely_with_any_text_in_its_record(text: str, name: str) -> None:
    run = Maker(0, {**SPECIAL, str: lambda _: text}).poisoned(RUNS[name])
    refuse_unsafe_result(run_thread.build_conversation(run, NOW, f"{text}\n{text}"))


SILENT = {
    "advice_views.name_directed_settings": "no hostile text names a setting and says which way to change it",
}
"""Builders that have nothing to say of hostile values, each with the reason."""


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(set(BUILDERS) - set(EXCLUDED) - set(SILENT)))
def test_every_builder_makes_something_of_hostile_values(name: str) -> None:
    assert any(built(BUILDERS[name], values_for(BUILDERS[name], Maker(seed, SPECIAL))) for seed in PLENTY)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_string_that_is_no_markup_is_escaped_where_it_is_sent(text: Any) -> None:
    """Types say so already; this is for whoever does not ask them."""
    blocks = [section(text), context(text), actions(button("a", "b", "c", confirmation("a", text, "b", "c")))]
    refuse_unsafe(build_answer(text, blocks))
    refuse_unsafe_result(Message("key", text, tuple(blocks)))


def test_what_is_left_out_is_there() -> None:
    assert set(EXCLUDED) | set(SILENT) <= set(BUILDERS)
    assert len(BUILDERS) > 250
