"""`verlbot replay`: a finished log through the same parser, forecasts, findings and cards as a live one.

It needs no Slack and no cloud, and the clock is the log's own. A step takes as long as the log says; where the log does
not say it, a step takes a minute.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from bot.adapters.secret_filter import UNKNOWING
from bot.core.fact import Fact
from bot.core.forecast import forecast
from bot.core.history import in_order
from bot.core.money import Rate
from bot.core.reader import Reader
from bot.core.row import Row
from bot.core.run import Run
from bot.core.status import Status
from bot.errors import UserError
from bot.slack import views, words
from bot.slack.standing import progress, seconds, written
from bot.watcher import WINDOW_ROWS, Watcher

CHUNK_BYTES = 1 << 20
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""When a replayed run began: only the time since then matters."""

LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""Limit of the clock: a log may claim any times, and dates end with the year 9999."""

STEP_TIME = timedelta(minutes=1)
"""Duration of a step whose log does not say it."""

TABLE_ROWS = 24
"""Maximum rows of the table, beside those with a notice."""

UNBOUNDED_DOLLARS, UNBOUNDED_TIME = 1e6, timedelta(days=90)
"""The maximum budget and lease of a run."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A run after one step of its log.

    Attributes:
        row: the metrics of the step; run: the record after it; at: the time, by the log's own clock.
        notices: what the bot would have posted in the run's thread at that step.
    """

    row: Row
    run: Run
    at: datetime
    said: tuple[str, ...]

    @property
    def passed(self) -> timedelta:
        """Return the time since the run began."""
        return self.at - BEGIN


def replay(path: Path, dollars_per_hour: float | None, nodes: int, as_json: bool) -> int:
    """Print what was read at each step, and what the bot would have posted when.

    Raises:
        UserError: the file cannot be read, or has no step.
    """
    try:
        with path.open("rb") as file:
            shown = moments(facts(file), a_run(path.stem, dollars_per_hour, nodes))
            steps = printed_json(shown) if as_json else printed_table(shown)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}.", "Give a log of verl's, or its JSON lines."
        ) from error
    if not steps:
        like = "A step is a line such as `step:1 - critic/rewards/mean:0.5 - …`."
        raise UserError(f"{path} has no step of verl's.", like)
    return 0


def a_run(name: str, dollars_per_hour: float | None, nodes: int) -> Run:
    """Return a record for a log of which nothing else is known; its budget and lease end nothing."""
    return Run(
        id=name,
        recipe="replay",
        line=f"replay {name}",
        requester="replay",
        channel="replay",
        created_at=BEGIN,
        nodes=nodes,
        task_hash="",
        budget_dollars=UNBOUNDED_DOLLARS,
        lease=UNBOUNDED_TIME,
        rate=None if dollars_per_hour is None else Rate(dollars_per_hour, "--rate"),
        status=Status.RUNNING,
        first_asked_at=BEGIN,
        asked_at=BEGIN,
        running_at=BEGIN,
    )


def facts(file: BinaryIO) -> Iterator[Fact]:
    """Yield all events of a log. It is read a megabyte at a time, so that memory does not grow with the log."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    reader = Reader()
    while chunk := file.read(CHUNK_BYTES):
        reader, found = reader.read(decoder.decode(chunk))
        yield from found
    yield from reader.finish()[1]


def moments(found: Iterable[Fact], run: Run) -> Iterator[Moment]:
    """Yield the run after each row; other events are applied together with the row after them."""
    now, known = BEGIN, set(said(run, BEGIN))
    watcher, window = Watcher(), tuple[Row, ...]()
    for fact in found:
        if not isinstance(fact, Row):
            run = run.progressed(run.progress.told([fact]), now)
            continue
        if fact.trains and fact.step != run.progress.step:
            now = min(now + (STEP_TIME if fact.seconds is None else timedelta(seconds=fact.seconds)), LATEST)
        row = replace(fact, at=now.timestamp())
        verdict = watcher.judged(run.watch, window, [row], {})
        window = in_order([*window[-WINDOW_ROWS:], row])
        run = run.progressed(run.progress.told([row]), now).judged(verdict.watch, verdict.misleading)
        new = {key: text for key, text in said(run, now).items() if key not in known}
        known |= new.keys()
        yield Moment(row, run, now, tuple(new.values()))


def tell(text: str) -> None:
    """Print a line with its secrets masked."""
    print(UNKNOWING.mask(text))


def said(run: Run, now: datetime) -> dict[str, str]:
    """Return the notices that the run's thread should have, by key."""
    return {message.key: message.text for message in views.conversation(run, now, "")}


def ends_after(moment: Moment) -> timedelta | None:
    """Return how long the run will have taken; None where that is unknown, and where it is more than a year."""
    ahead = forecast(moment.run, moment.at)
    return ahead.ends_at - BEGIN if ahead and isinstance(ahead.ends_at, datetime) else None


def printed_json(found: Iterable[Moment]) -> int:
    """Print one JSON object a row. Return how many."""
    count = 0
    for moment in found:
        tell(json.dumps(as_object(moment), ensure_ascii=False))
        count += 1
    return count


def as_object(moment: Moment) -> dict[str, Any]:
    """Return everything of a step; NaN and infinity become null."""
    run, ahead, end = moment.run, forecast(moment.run, moment.at), ends_after(moment)
    return {
        "step": moment.row.step,
        "last_step": run.progress.last_step,
        "seconds": round(moment.passed.total_seconds(), 3),
        "read": {key: value if isfinite(value) else None for key, value in moment.row.values.items()},
        "seconds_per_step": run.progress.seconds_per_step,
        "ends_after_seconds": round(end.total_seconds(), 3) if end else None,
        "dollars": run.cost(moment.at),
        "forecast_dollars": ahead and ahead.dollars,
        "card": views.card(run, moment.at).text,
        "said": list(moment.said),
    }


HEADS = {"step": 9, "time": 12, "reward": 8, "val": 8, "s/step": 7, "ends after": 12, "cost": 11, "forecast": 11}
"""Columns of the table, each with its width in characters."""


def printed_table(found: Iterable[Moment]) -> int:
    """Print some rows at even distances, and each row with a notice. Return how many rows there were."""
    kept = list(found)
    every = max(len(kept) // TABLE_ROWS, 1)
    tell(line(HEADS))
    for at, moment in enumerate(kept):
        if at % every == 0 or moment.said or moment is kept[-1]:
            tell(line(cells(moment)))
        for text in moment.said:
            tell(f"  {text}")
    if kept:
        tell(f"\n{len(kept)} rows. {progress(kept[-1].run.progress)}")
    return len(kept)


def line(cells: Iterable[str]) -> str:
    """Return a row of the table."""
    return " ".join(f"{text:>{width}}" for text, width in zip(cells, HEADS.values(), strict=True))


def cells(moment: Moment) -> Iterator[str]:
    """Yield the cells of a row."""
    found, ahead, cost = moment.run.progress, forecast(moment.run, moment.at), moment.run.cost(moment.at)
    end = ends_after(moment)
    yield f"{found.step}/{found.last_step}" if found.last_step else str(found.step)
    yield words.lasted(moment.passed)
    yield "" if found.reward is None else written(found.reward)
    yield "" if found.validation is None else written(found.validation)
    yield "" if found.seconds_per_step is None else seconds(found.seconds_per_step)
    yield words.lasted(end) if end else ""
    yield "" if cost is None else words.dollars(cost)
    yield words.dollars(ahead.dollars) if ahead and ahead.dollars is not None else ""
