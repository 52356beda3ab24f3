"""Reading a long log against `grep -c step:` on the same file, in time and memory; the room that its numbers take."""

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.logs import logs
from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.metrics import StepMetrics
from bot.core.rules.log_cursor import LogCursor
from tests.builders import a_run

MEGABYTES = int(os.environ.get("BENCH_LOG_MEGABYTES", "1000"))

READ = """
import resource, sys
from pathlib import Path
from bot.core.model.progress import Progress
from bot.cli.replay import read_events
from bot.core.frameworks import FRAMEWORK
progress, rows, tell = Progress(), 0, sys.argv[2] == "tell"
with Path(sys.argv[1]).open("rb") as file:
    for fact in read_events(file):
        rows += hasattr(fact, "values")
        if tell:
            progress = progress.record_events([fact], FRAMEWORK.keys)
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.log", Path(folder) / "large.log"
        write(small, MEGABYTES // 10)
        write(large, MEGABYTES)
        seconds, found = timed("grep", "-a", "-c", "step:", str(large))
        print(f"{'':34}{'seconds':>9}{'MB/s':>8}{'of grep':>9}{'rows':>10}{'peak MiB':>10}")
        print(f"{f'grep -c, {MEGABYTES} MB':34}{seconds:9.2f}{MEGABYTES / seconds:8.0f}{1:9.1f}{found[0]:>10}")
        runs = (
            ("reader", small, MEGABYTES // 10),
            ("reader", large, MEGABYTES),
            ("and progress", small, MEGABYTES // 10),
        )
        for name, path, size in runs:
            what = "read" if name == "reader" else "tell"
            took, (rows, peak) = timed(sys.executable, "-c", READ, str(path), what)
            ratio = took / seconds * MEGABYTES / size
            print(f"{f'{name}, {size} MB':34}{took:9.2f}{size / took:8.0f}{ratio:9.1f}{rows:>10}{peak:>10}")
    room()


def write(path: Path, megabytes: int) -> None:
    """The logs over and over, until there is enough."""
    text = "".join(text for _, text in logs("critic/")).encode()
    with path.open("wb") as file:
        for _ in range(megabytes * 1_000_000 // len(text) + 1):
            file.write(text)


def timed(*command: str) -> tuple[float, list[str]]:
    start = time.perf_counter()
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return time.perf_counter() - start, found


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
