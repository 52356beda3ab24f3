"""From kill -9 of the leader of two bots to the other as the leader and to its first card, against the 15 s that are
promised. BENCH_TAKEOVERS says how many.
"""

import os
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from tests.live import QUICK
from tests.pair import NAMES, Pair
from tests.waiting import eventually

ROUNDS = int(os.environ.get("BENCH_TAKEOVERS", "50"))
PROMISED_SECONDS = 15.0
MAX_SECONDS = 120


def measure() -> None:
    with TemporaryDirectory() as folder:
        pair = Pair(Path(folder))
        try:
            for name in NAMES:
                pair.start(name)
            times = [take_over(pair) for _ in range(ROUNDS)]
        finally:
            pair.stop()
    print(f"{f'{ROUNDS} kills':28}{'p50':>10}{'p99':>10}{'slowest':>10}   over {PROMISED_SECONDS:g} s")
    for name, column in zip(("the other leads", "its first card"), zip(*times, strict=True), strict=True):
        cuts = quantiles(column, n=100, method="inclusive")
        late = sum(seconds > PROMISED_SECONDS for seconds in column)
        print(f"{name:28}{cuts[49]:8.2f} s{cuts[98]:8.2f} s{max(column):8.2f} s{late:7} of {ROUNDS}")


def take_over(pair: Pair) -> tuple[float, float]:
    """Kill the leader, and type a launch; return the seconds to a new leader, and to the card of that run."""
    cards = pair.cards()
    begin = time.monotonic()
    killed = pair.kill_leader()
    pair.ana.says(f"/verl launch smoke {QUICK}")
    eventually(lambda: pair.leader() not in ("", killed), pair.log, MAX_SECONDS)
    leads = time.monotonic() - begin
    eventually(lambda: pair.cards() > cards, pair.log, MAX_SECONDS, pause_seconds=0.1)
    shown = time.monotonic() - begin
    pair.start(killed)
    return leads, shown
