"""How far off the forecast end and cost are at 10, 50 and 90% of a run, against the pace of the whole run so far."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO

from benchmarks.logs import logs
from bot.cli.replay import BEGAN_AT, ReplayedStep, build_run, read_events, replay_events
from bot.core.rules.forecast import build_forecast

DOLLARS_PER_HOUR = 12.0


def measure() -> None:
    print(f"{'':30}{'at':>6}{'ends after':>12}{'truly':>10}{'error':>9}{'baseline':>10}{'dollars':>10}{'error':>9}")
    for name, text in logs():
        steps = list(replay_events(read_events(BytesIO(text.encode())), build_run("x", DOLLARS_PER_HOUR, 1)))
        if steps and steps[-1].run.training.progress.total_steps:
            for share in (0.1, 0.5, 0.9):
                report(name, steps, share)


def report(name: str, steps: Sequence[ReplayedStep], share: float) -> None:
    last = steps[-1]
    total = last.run.training.progress.last_step or 0
    moment = next(one for one in steps if one.row.step >= share * total)
    ahead = build_forecast(moment.run, moment.at)
    if ahead is None or ahead.dollars is None or not isinstance(ahead.ends_at, datetime):
        raise RuntimeError(f"{name} has no forecast at {share:.0%}")
    truth, dollars = last.at - BEGAN_AT, last.run.cost(last.at) or 0.0
    said = ahead.ends_at - BEGAN_AT
    mean = (
        moment.elapsed
        * (total + last.run.training.progress.from_zero)
        / (moment.row.step + last.run.training.progress.from_zero)
    )
    print(
        f"{name:30}{share:6.0%}{hours(said):>12}{hours(truth):>10}{said / truth - 1:9.1%}{mean / truth - 1:10.1%}"
        f"{ahead.dollars:10.2f}{ahead.dollars / dollars - 1:9.1%}"
    )


def hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.2f} h"
