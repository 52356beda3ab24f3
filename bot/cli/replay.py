"""`verlbot replay`: a finished log through the same parser, forecasts, findings and cards as a live one.

It needs no Slack and no cloud, and the clock is the log's own. A step takes as long as the log says; where the log does
not say it, a step takes a minute.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from bot.app.health_monitor import WINDOW_ROWS, HealthMonitor
from bot.cli.replayed_failure import list_failure_lines, read_failure, to_failure_object
from bot.core.frameworks import FRAMEWORK, LogParser
from bot.core.model.cluster_requests import LaunchRequests
from bot.core.model.failure import FailureKind, FailureSummary
from bot.core.model.history import merge_rows
from bot.core.model.metrics import LogEvent, StepMetrics
from bot.core.model.money import Rate, Spending
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_limits import RunLimits
from bot.core.model.run_plan import RunPlan
from bot.core.model.run_state import RunStatus
from bot.core.rules.forecast import build_forecast
from bot.errors import UserError
from bot.runtime.secret_filter import GENERAL_FILTER
from bot.slack.views import run_card, run_thread, wording
from bot.slack.views.progress_views import format_number, format_seconds, metrics_line

KEYS = FRAMEWORK.keys

CHUNK_BYTES = 1 << 20
BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""When a replayed run began: only the time since then matters."""

LATEST_TIME = datetime(9000, 1, 1, tzinfo=UTC)
"""Limit of the clock: a log may claim any times, and dates end with the year 9999."""

STEP_TIME = timedelta(minutes=1)
"""Duration of a step whose log does not say it."""

TABLE_ROWS = 24
"""Maximum rows of the table, beside those with a notice."""

UNBOUNDED_DOLLARS, UNBOUNDED_TIME = 1e6, timedelta(days=90)
"""The maximum budget and lease of a run."""


@dataclass(frozen=True, slots=True)
class ReplayedStep:
    """A run after one step of its log.

    Attributes:
        row: the metrics of the step; run: the record after it; at: the time, by the log's own clock.
        notices: what the bot would have posted in the run's thread at that step.
    """

    row: StepMetrics
    run: Run
    at: datetime
    notices: tuple[str, ...]

    @property
    def elapsed(self) -> timedelta:
        """Return the time since the run began."""
        return self.at - BEGAN_AT


def replay(path: Path, dollars_per_hour: float | None, nodes: int, as_json: bool) -> int:
    """Print what was read at each step, what the bot would have posted when, and why the run died.

    Raises:
        UserError: the file cannot be read, or has neither a step nor a failure.
    """
    try:
        with path.open("rb") as file:
            replayed = replay_events(read_events(file), build_run(path.stem, dollars_per_hour, nodes))
            steps = print_json(replayed) if as_json else print_table(replayed)
        failure = read_failure(path, nodes) or (None if steps else find_idle_end(path))
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}.", "Give a log of verl, or the JSON lines of its file logger."
        ) from error
    if failure:
        print_failure(path.stem, failure, as_json)
    elif not steps:
        like = "A step is a line such as `step:1 - critic/rewards/mean:0.5 - …`."
        raise UserError(f"{path} has no step of a verl training.", like)
    return 0


def find_idle_end(path: Path) -> FailureSummary | None:
    """Return that a training resumed and ended without a step; None for any other log.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        progress = Progress().record_events(read_events(file), KEYS)
    return FailureSummary("", FailureKind.NOTHING_TRAINED) if progress.has_only_resumed else None


def print_failure(name: str, failure: FailureSummary, as_json: bool) -> None:
    """Print why the run died, as one object or as lines."""
    if as_json:
        print_masked(json.dumps(to_failure_object(name, failure), ensure_ascii=False))
        return
    for line in list_failure_lines(name, failure):
        print_masked(to_terminal_text(line))


def build_run(name: str, dollars_per_hour: float | None, nodes: int) -> Run:
    """Return a record for a log of which nothing else is known; its budget and lease end nothing."""
    return Run(
        id=name,
        recipe="replay",
        command_line=f"replay {name}",
        requester="replay",
        channel="replay",
        created_at=BEGAN_AT,
        plan=RunPlan(nodes=nodes, task_hash=""),
        limits=RunLimits(budget_dollars=UNBOUNDED_DOLLARS, lease=UNBOUNDED_TIME),
        spending=Spending(rate=None if dollars_per_hour is None else Rate(dollars_per_hour, "--rate")),
        status=RunStatus.RUNNING,
        launch=LaunchRequests(first_requested_at=BEGAN_AT, requested_at=BEGAN_AT),
        running_at=BEGAN_AT,
    )


def read_events(file: BinaryIO) -> Iterator[LogEvent]:
    """Yield all events of a log. It is read a megabyte at a time, so that memory does not grow with the log."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    reader = LogParser()
    while chunk := file.read(CHUNK_BYTES):
        reader, events = reader.parse(decoder.decode(chunk))
        yield from events
    yield from reader.finish()[1]


def replay_events(events: Iterable[LogEvent], run: Run) -> Iterator[ReplayedStep]:
    """Yield the run after each row; other events are applied together with the row after them."""
    now, sent_keys = BEGAN_AT, set(get_notices(run, BEGAN_AT))
    watcher, window = HealthMonitor(), tuple[StepMetrics, ...]()
    for event in events:
        if not isinstance(event, StepMetrics):
            run = replace(
                run, training=run.training.record_progress(run.training.progress.record_events([event], KEYS), now)
            )
            continue
        if KEYS.is_training_step(event) and event.step != run.training.progress.step:
            seconds = KEYS.find_seconds(event)
            now = min(now + (STEP_TIME if seconds is None else timedelta(seconds=seconds)), LATEST_TIME)
        row = replace(event, at=now.timestamp())
        update = watcher.judge_steps(run.training.health, window, [row], {})
        window = merge_rows([*window[-WINDOW_ROWS:], row])
        training = run.training.record_progress(run.training.progress.record_events([row], KEYS), now)
        run = replace(run, training=training.record_health(update.health, update.unreliable_metrics))
        new = {key: text for key, text in get_notices(run, now).items() if key not in sent_keys}
        sent_keys |= new.keys()
        yield ReplayedStep(row, run, now, tuple(new.values()))


def to_terminal_text(text: str) -> str:
    """Return a text of Slack's for a terminal: moments in UTC, signs of alarm as characters, and no other emoji.

    >>> to_terminal_text(":warning: KL is high"), to_terminal_text(":mag: a:b:c at 10:30:00")
    ('⚠ KL is high', 'a:b:c at 10:30:00')
    """
    text = MOMENT.sub(r"\1", text)
    return EMOJI_CODE.sub(lambda code: ALARM_SIGNS.get(code[1], "") + (code[2] if code[1] in ALARM_SIGNS else ""), text)


def print_masked(text: str) -> None:
    """Print a line with its secrets masked."""
    print(GENERAL_FILTER.mask(text))


def get_notices(run: Run, now: datetime) -> dict[str, str]:
    """Return the notices that the run's thread should have, by key."""
    return {message.key: to_terminal_text(message.text) for message in run_thread.build_conversation(run, now, "")}


def forecast_duration(moment: ReplayedStep) -> timedelta | None:
    """Return how long the run will have taken; None where that is unknown, and where it is more than a year."""
    ahead = build_forecast(moment.run, moment.at)
    return ahead.ends_at - BEGAN_AT if ahead and isinstance(ahead.ends_at, datetime) else None


def print_json(replayed: Iterable[ReplayedStep]) -> int:
    """Print one JSON object a row. Return how many."""
    count = 0
    for moment in replayed:
        print_masked(json.dumps(to_object(moment), ensure_ascii=False))
        count += 1
    return count


def to_object(moment: ReplayedStep) -> dict[str, Any]:
    """Return everything of a step; NaN and infinity become null."""
    run, ahead, end = moment.run, build_forecast(moment.run, moment.at), forecast_duration(moment)
    return {
        "step": moment.row.step,
        "last_step": run.training.progress.last_step,
        "seconds": round(moment.elapsed.total_seconds(), 3),
        "read": {key: value if isfinite(value) else None for key, value in moment.row.values.items()},
        "seconds_per_step": run.training.progress.seconds_per_step,
        "ends_after_seconds": round(end.total_seconds(), 3) if end else None,
        "dollars": run.cost(moment.at),
        "forecast_dollars": ahead and ahead.dollars,
        "card": to_terminal_text(run_card.card(run, moment.at).text),
        "said": list(moment.notices),
    }


MOMENT = re.compile(r"<!date\^[^|<>]*\|([^<>]*)>")
"""Matches a moment in Slack's notation, with its text in UTC."""

EMOJI_CODE = re.compile(r"(?<![\w:]):([a-z][a-z_]*):(?![\w:])( ?)")
"""Matches one of Slack's emoji, by its name in colons, and the space after it."""

ALARM_SIGNS = {"warning": "⚠", "rotating_light": "‼", "x": "✗", "white_check_mark": "✓"}
"""Emoji that say something which the words after them do not."""

COLUMN_WIDTHS = {
    "step": 9,
    "time": 12,
    "reward": 8,
    "val": 8,
    "s/step": 7,
    "ends after": 12,
    "cost": 11,
    "forecast": 11,
}
"""Columns of the table, each with its width in characters."""


def print_table(replayed: Iterable[ReplayedStep]) -> int:
    """Print some rows at even distances, and each row with a notice. Return how many rows there were."""
    steps = list(replayed)
    if not steps:
        return 0
    every = max(len(steps) // TABLE_ROWS, 1)
    print_masked(format_row(COLUMN_WIDTHS))
    for at, moment in enumerate(steps):
        if at % every == 0 or moment.notices or moment is steps[-1]:
            print_masked(format_row(format_cells(moment)))
        for text in moment.notices:
            print_masked(f"  {text}")
    print_masked(to_terminal_text(f"\n{len(steps)} rows. {metrics_line(steps[-1].run.training.progress)}"))
    return len(steps)


def format_row(cells: Iterable[str]) -> str:
    """Return a row of the table."""
    return " ".join(f"{text:>{width}}" for text, width in zip(cells, COLUMN_WIDTHS.values(), strict=True))


def format_cells(moment: ReplayedStep) -> Iterator[str]:
    """Yield the cells of a row."""
    training, ahead, cost = (
        moment.run.training.progress,
        build_forecast(moment.run, moment.at),
        moment.run.cost(moment.at),
    )
    end = forecast_duration(moment)
    yield f"{training.step}/{training.last_step}" if training.last_step else str(training.step)
    yield wording.format_duration(moment.elapsed)
    yield "" if training.reward is None else format_number(training.reward)
    yield "" if training.validation is None else format_number(training.validation)
    yield "" if training.seconds_per_step is None else format_seconds(training.seconds_per_step)
    yield wording.format_duration(end) if end else ""
    yield "" if cost is None else wording.format_dollars(cost)
    yield wording.format_dollars(ahead.dollars) if ahead and ahead.dollars is not None else ""
