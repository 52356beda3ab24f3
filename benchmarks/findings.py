"""When a sickness is found, beside rldoctor's first report of the same steps; and what is reported of healthy runs.

VERLBOT_ROWS names the rows to measure, by parts of their names, with commas between them: all of them if it is empty.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median

from rl_doctor.detectors import Severity as TheirSeverity
from rl_doctor.live import LiveMonitor
from rl_doctor.simulate import EXPECTED_DETECTIONS, simulate

from benchmarks.logs import logs
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.model.finding import HealthRules, Severity
from bot.core.model.metrics import StepMetrics
from bot.core.rules.health.stall import LivenessSignals, detect_stall
from tests.core.rules.health.healthy_runs import GROUPED, HEALTHY, Shape, simulated
from tests.core.rules.health.runs import EXPECTED, SICK, said

SEEDS, HEALTHY_SEEDS = 20, 5
THEIR_SEEDS = 5
"""rldoctor looks at all steps again each time, so that it is asked of fewer seeds, and as often as its own live mode
asks: at step 75, and every 25 after it."""

THEIRS = {
    "NaN for good": "gradient_pathology",
    "NaN from the first step": "gradient_pathology",
    "no difference in any group": "gradient_pathology",
}
"""Which of its detectors speaks of our own sicknesses; of the others none does."""

ROWS = tuple(filter(None, os.environ.get("VERLBOT_ROWS", "").split(",")))

TOGETHER = {"truncation": ("truncation", "length-growth")}
"""Where it has one detector for what we have two."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one run was said to have: names with severity and step, the first of each only."""

    ours: tuple[tuple[str, str, int], ...]
    theirs: tuple[tuple[str, str, int], ...] = ()
    seconds: float = 0.0
    their_seconds: float = 0.0


def ours(rows: Sequence[StepMetrics], rules: HealthRules) -> tuple[tuple[tuple[str, str, int], ...], float]:
    began = time.perf_counter()
    found = [(one.finding.name, str(one.finding.severity), one.step) for one in said(list(rows), rules)]
    return tuple(found), (time.perf_counter() - began) / len(rows)


def theirs(records: Sequence[dict[str, object]], config: dict[str, object]) -> tuple[tuple[str, str, int], ...]:
    """What rldoctor's live mode reports from a warning on, as it comes."""
    logging.disable(logging.CRITICAL)
    monitor, found = LiveMonitor(config=config, alert_at=TheirSeverity.WARNING), []
    for at, record in enumerate(records, 1):
        found += [(one.detector, one.severity.name.lower(), at) for one in monitor.log(record)]
    return tuple(found)


def of_theirs(scenario: str, seed: int) -> Told:
    """A scenario of its simulator. It gets its own records whole; we get what verl logs of them."""
    found, seconds = ours(simulated(scenario, seed), GROUPED)
    if seed >= THEIR_SEEDS:
        return Told(found, seconds=seconds)
    records, config = simulate(scenario, seed=seed)
    began = time.perf_counter()
    return Told(found, theirs(records, config), seconds, (time.perf_counter() - began) / len(records))


def of_ours(rows: Callable[[int], list[StepMetrics]], seed: int) -> Told:
    """A run of our own, which speaks verl's keys; rldoctor knows these."""
    told = rows(seed)
    found, seconds = ours(told, HealthRules())
    if seed >= THEIR_SEEDS:
        return Told(found, seconds=seconds)
    return Told(found, theirs([{"step": row.step, **row.values} for row in told], {"algorithm": "grpo"}), seconds)


def measure() -> None:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        simulations = {name: [pool.submit(of_theirs, name, seed) for seed in range(SEEDS)] for name in chosen(EXPECTED)}
        own = {name: [pool.submit(of_sick, name, seed) for seed in range(SEEDS)] for name in chosen(SICK)}
        healthy = {
            name: [pool.submit(of_healthy, name, seed) for seed in range(HEALTHY_SEEDS)] for name in chosen(HEALTHY)
        }
        print(f"{'':42}{'us':>9}{'':>9}{'':>7}  {'the same seeds: us':>20}{'rldoctor':>16}")
        print(f"{'falls ill with':42}{'found':>9}{'at step':>9}{'stop':>7}  {'at step':>20}{'found':>9}{'at step':>9}")
        told = [one.result() for futures in simulations.values() for one in futures]
        for name, futures in simulations.items():
            names = TOGETHER.get(name, (EXPECTED[name],))
            row(f"rldoctor: {name}", names, EXPECTED_DETECTIONS[name], [one.result() for one in futures])
        for name, futures in own.items():
            expected = (THEIRS[name],) if name in THEIRS else ()
            row(name, (SICK[name][0],), expected, [one.result() for one in futures])
        if not ROWS:
            stalls()
        print(f"\n{'runs that go well: warnings a run, all that say stop':62}{'us':>12}{'rldoctor':>14}")
        for name, futures in healthy.items():
            peace(name, [one.result() for one in futures])
    if ROWS:
        return
    for name, text in logs("critic/rewards/mean"):
        of_log(name, text)
    print(f"\none step costs us {median(one.seconds for one in told) * 1e3:.1f} ms", end="")
    print(f", and rldoctor's live mode {median(one.their_seconds for one in told if one.their_seconds) * 1e3:.1f} ms")


def chosen(names: Iterable[str]) -> list[str]:
    """The rows that VERLBOT_ROWS names."""
    return [name for name in names if not ROWS or any(part in name for part in ROWS)]


def of_sick(name: str, seed: int) -> Told:
    return of_ours(SICK[name][1], seed)


def of_healthy(name: str, seed: int) -> Told:
    return of_theirs("healthy", seed) if "rldoctor" in name else of_ours(HEALTHY[name], seed)


def row(name: str, expected: Sequence[str], their_expected: Sequence[str], told: Sequence[Told]) -> None:
    mine = [first(one.ours, expected) for one in told]
    its = [first(one.theirs, their_expected) for one in told[:THEIR_SEEDS]]
    stops = sum(any(severity == Severity.STOP for _, severity, _ in one.ours) for one in told)
    their_part = f"{share(its):>9}{middle(its):>9}" if their_expected else f"{'no such':>18}"
    same = middle(mine[:THEIR_SEEDS])
    print(f"{name:42}{share(mine):>9}{middle(mine):>9}{stops:>7}  {same:>20}{their_part}")


def first(found: Sequence[tuple[str, str, int]], names: Sequence[str]) -> int | None:
    return next((step for name, _, step in found if name in names), None)


def share(steps: Sequence[int | None]) -> str:
    return f"{sum(step is not None for step in steps)}/{len(steps)}"


def middle(steps: Sequence[int | None]) -> str:
    known = [step for step in steps if step is not None]
    return f"{median(known):.0f}" if known else "-"


def stalls() -> None:
    """A run that stands still after a random step, looked at every half minute."""
    waits = []
    for seed in range(SEEDS):
        rows = Shape(steps=20 + 7 * seed).rows(seed)
        last = rows[-1].at
        quiet = LivenessSignals(began_at=rows[0].at - 900, step_at=last, line_at=last)
        looks = (30 * look for look in range(1, 200))
        waits.append(next((wait for wait in looks if detect_stall(rows, last + wait, quiet, HealthRules())), None))
    known = [wait for wait in waits if wait]
    print(f"{'stands still (steps of 57 s)':42}{share(waits):>9}{median(known):>7.0f} s{'':27}{'no such':>18}")


def peace(name: str, told: Sequence[Told]) -> None:
    mine, its = alarms([one.ours for one in told]), alarms([one.theirs for one in told[:THEIR_SEEDS]])
    print(f"{name:62}{mine:>12}{its:>14}")


def alarms(found: Sequence[Sequence[tuple[str, str, int]]]) -> str:
    """Warnings a run, and how many findings said that the run is lost."""
    warnings = sum(severity != Severity.NOTE for one in found for _, severity, _ in one)
    stops = sum(severity in ("stop", "critical") for one in found for _, severity, _ in one)
    return f"{warnings / len(found):.2f}, {stops}"


def of_log(name: str, text: str) -> None:
    """A log of a run that succeeded, read as the bot reads it."""
    _, facts = LogParser().parse(text)
    rows = [fact for fact in facts if isinstance(fact, StepMetrics)]
    found, _ = ours(rows, HealthRules())
    its = theirs([{"step": one.step, **one.values} for one in rows], {"algorithm": "ppo"})
    print(f"\n{name}: {len({one.step for one in rows})} steps of a run that succeeded")
    for who, what in (("us", found), ("rldoctor", its)):
        print(f"  {who:9}", ", ".join(f"{told} ({severity}) at {step}" for told, severity, step in what) or "nothing")
