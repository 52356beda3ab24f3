"""Read a long log: processor time against `grep -c step:` and the reader of an earlier layout, on the same file.

The earlier reader is that of the commit that VERLBOT_EARLIER names, by default d95c8d4, in a worktree outside of this
one. All take turns, and the least time of each counts, so that a busy machine slows all alike. Imports are left out.
Then: the reader's memory on a file of ten times the size, and the room that the numbers take.
"""

import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.logs import logs
from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.metrics import StepMetrics
from bot.core.rules.log_cursor import LogCursor
from tests.builders import a_run

MEGABYTES = int(os.environ.get("BENCH_LOG_MEGABYTES", "100"))
EARLIER = os.environ.get("VERLBOT_EARLIER", "d95c8d4")
ROUNDS = 5

READ = """
import resource, sys, time
from pathlib import Path
from bot.core.model.progress import Progress
from bot.cli.replay import read_events
from bot.core.frameworks import FRAMEWORK
progress, rows, tell = Progress(), 0, sys.argv[2] == "tell"
begun = time.process_time()
with Path(sys.argv[1]).open("rb") as file:
    for fact in read_events(file):
        rows += hasattr(fact, "values")
        if tell:
            progress = progress.record_events([fact], FRAMEWORK.keys)
print(time.process_time() - begun, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""

READ_EARLIER = """
import resource, sys, time
from pathlib import Path
from bot.replay import facts
rows, begun = 0, time.process_time()
with Path(sys.argv[1]).open("rb") as file:
    for fact in facts(file):
        rows += hasattr(fact, "values")
print(time.process_time() - begun, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@dataclass(frozen=True, slots=True)
class Took:
    """The processor time of one reading, the rows that it found, and the most memory it had."""

    seconds: float
    rows: int
    peak: int


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder, earlier_layout(Path(folder)) as earlier:
        path, large = Path(folder) / "small.log", Path(folder) / "large.log"
        write(path, MEGABYTES)
        programs: dict[str, Sequence[str]] = {
            "grep -c": ("grep", "-a", "-c", "step:", str(path)),
            "reader": (sys.executable, "-c", READ, str(path), "read"),
            "reader and progress": (sys.executable, "-c", READ, str(path), "tell"),
        }
        if earlier:
            programs[f"reader of {EARLIER}"] = (sys.executable, "-c", READ_EARLIER, str(path))
        took = in_turns(programs, earlier)
        print(f"{f'{MEGABYTES} MB':34}{'seconds':>9}{'MB/s':>8}{'of grep':>9}{'rows':>10}{'peak MiB':>10}")
        for name, one in took.items():
            show(name, one, MEGABYTES, one.seconds / took["grep -c"].seconds)
        if not earlier:
            print(f"The commit {EARLIER} is not in this repository, so the earlier reader is not measured.")
        write(large, MEGABYTES * 10)
        one = run((sys.executable, "-c", READ, str(large), "read"), None)
        show(f"reader, {MEGABYTES * 10} MB", one, MEGABYTES * 10, one.seconds / took["grep -c"].seconds / 10)
    room()


@contextmanager
def earlier_layout(folder: Path) -> Iterator[Path | None]:
    """Yield a worktree of the earlier commit; None where this repository does not have it."""
    here = Path(__file__).parent
    known = ("git", "cat-file", "-e", f"{EARLIER}^{{commit}}")
    if subprocess.run(known, check=False, cwd=here, capture_output=True).returncode:
        yield None
        return
    place = folder / "earlier"
    subprocess.run(
        ("git", "worktree", "add", "--detach", str(place), EARLIER), cwd=here, check=True, capture_output=True
    )
    try:
        yield place
    finally:
        subprocess.run(("git", "worktree", "remove", "--force", str(place)), cwd=here, check=True)


def in_turns(programs: dict[str, Sequence[str]], earlier: Path | None) -> dict[str, Took]:
    """Return the fastest reading of each program."""
    found: dict[str, Took] = {}
    for _ in range(ROUNDS):
        for name, command in programs.items():
            one = run(command, earlier if EARLIER in name else None)
            found[name] = min(found.get(name, one), one, key=lambda took: took.seconds)
    return found


def run(command: Sequence[str], folder: Path | None) -> Took:
    """Run a program in a folder, whose modules come first. Programs of ours say their time themselves."""
    environment = os.environ | ({"PYTHONPATH": str(folder)} if folder else {})
    before = spent_by_children()
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder, env=environment
    ).stdout.split()
    if len(told) > 1:
        return Took(float(told[0]), int(told[1]), int(told[2]))
    return Took(spent_by_children() - before, int(told[0]), 0)


def spent_by_children() -> float:
    """Return the processor seconds of all programs that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def show(name: str, took: Took, megabytes: int, ratio: float) -> None:
    speed = megabytes / took.seconds
    print(f"{name:34}{took.seconds:9.2f}{speed:8.0f}{ratio:9.1f}{took.rows:>10}{took.peak or '':>10}")


def write(path: Path, megabytes: int) -> None:
    """The logs over and over, until there is enough."""
    text = "".join(text for _, text in logs("critic/")).encode()
    with path.open("wb") as file:
        for _ in range(megabytes * 1_000_000 // len(text) + 1):
            file.write(text)


def room() -> None:
    """Of 100,000 steps with 80 metrics each, in the store."""
    keys = [f"critic/some_metric_of_a_usual_length/{number}" for number in range(80)]
    with tempfile.TemporaryDirectory() as folder:
        valkey = EmbeddedValkey(Path(folder), 30)
        redis = valkey.start()
        store, run = RedisStore(redis), a_run()
        store.add(run, {})
        start = time.perf_counter()
        for begin in range(0, 100_000, 250):
            steps = range(begin, begin + 250)
            rows = [StepMetrics(n, {k: math.sin(n * at / 1000) for at, k in enumerate(keys)}, 1.7e9 + n) for n in steps]
            store.append_metrics(run.id, lambda run: run, LogCursor(), rows)
        took = time.perf_counter() - start
        size = sum(redis.memory_usage(key, samples=0) or 0 for key in redis.keys(f"verl:run:{run.id}:*"))
        start = time.perf_counter()
        store.get_history(run.id)
        read = time.perf_counter() - start
        plain = 100_000 * 80 * 16
        print(f"\n100,000 steps × 80 metrics: {size / 1e6:.2f} MB, {size / plain:.4f} of 16 bytes a number;")
        print(f"{took / 100_000 * 1e3:.2f} ms a step to keep, {read * 1e3:.0f} ms to fetch the whole")
        valkey.stop()
