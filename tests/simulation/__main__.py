"""Run many schedules: `python -m tests.simulation [--schedules N] [--first SEED] [--processes N]`. Repeat one exactly:
`python -m tests.simulation --seed N`.
"""

import argparse
import os
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, as_completed

from tests.simulation.bench import Tally, name_promise, open_bench
from tests.simulation.shrink import shrink
from tests.simulation.steps import Step, draw_schedule

SCHEDULES = 10_000

SHARE = 50
"""Schedules that a process runs before it reports."""


def main() -> int:
    asked = read_arguments()
    if asked.seed is not None:
        return repeat(asked.seed, asked.shrink)
    return run_many(range(asked.first, asked.first + asked.schedules), asked.processes, asked.minutes)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=SCHEDULES, help=f"how many (default: {SCHEDULES:,})")
    parser.add_argument("--first", type=int, default=0, help="seed of the first (default: 0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="at once (default: one a core)")
    parser.add_argument("--minutes", type=float, default=None, help="begin no share after so many minutes")
    parser.add_argument("--seed", type=int, default=None, help="repeat this schedule alone")
    parser.add_argument("--shrink", action=argparse.BooleanOptionalAction, default=True, help="what fails")
    return parser.parse_args()


def repeat(seed: int, may_shrink: bool) -> int:
    """Run the schedule of one seed; print its steps, and what it broke. Return 1 where it broke something."""
    steps = draw_schedule(seed)
    with open_bench() as bench:
        wrong = bench.try_schedule(steps)
        print_schedule(f"Seed {seed}", steps, wrong)
        if wrong and may_shrink:
            promise = name_promise(wrong[0])
            shorter = shrink(steps, lambda some: promise in map(name_promise, bench.try_schedule(some)))
            print_schedule(f"Seed {seed}, shrunk", shorter, bench.try_schedule(shorter))
    return 1 if wrong else 0


def print_schedule(title: str, steps: list[Step], wrong: list[str]) -> None:
    print(f"{title}: {len(steps)} steps")
    for step in steps:
        print(f"  {step}")
    for one in wrong or ["every promise holds"]:
        print(f"  => {one}")


def run_many(seeds: range, processes: int, minutes: float | None) -> int:
    """Run the schedules of these seeds; print progress and a table. Return 1 where one broke a promise."""
    began, tally, failed = time.monotonic(), Tally(), dict[int, list[str]]()
    shares = [seeds[begin : begin + SHARE] for begin in range(0, len(seeds), SHARE)]
    deadline = None if minutes is None else time.time() + 60 * minutes
    with ProcessPoolExecutor(processes) as pool:
        futures: list[Future[tuple[Tally, dict[int, list[str]]]]] = [
            pool.submit(run_share, share, deadline) for share in shares
        ]
        for future in as_completed(futures):
            done, wrong = future.result()
            if not done.schedules:
                continue
            tally.add(done)
            failed |= wrong
            for seed, broken in sorted(wrong.items()):
                print(f"seed {seed}: {'; '.join(broken[:3])}", flush=True)
            rate = tally.schedules / (time.monotonic() - began)
            print(f"{tally.schedules:,} schedules, {rate:.1f} a second, {len(failed)} failed", flush=True)
    print(tally.format_table())
    if failed:
        repeat(min(failed), may_shrink=True)
        print(f"To repeat it: make simulate SEED={min(failed)}")
    return 1 if failed else 0


def run_share(seeds: range, deadline: float | None) -> tuple[Tally, dict[int, list[str]]]:
    """Run some schedules in this process; return what was done, and what was broken by each seed."""
    failed: dict[int, list[str]] = {}
    if deadline is not None and time.time() > deadline:
        return Tally(), failed
    with open_bench() as bench:
        for seed in seeds:
            if wrong := bench.try_schedule(draw_schedule(seed)):
                failed[seed] = wrong
        return bench.tally, failed


if __name__ == "__main__":
    sys.exit(main())
