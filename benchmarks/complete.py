"""Whether a log is read completely: its counts and sums by awk beside the reader's, and the same however it is cut."""

import codecs
import random
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import fsum, isclose
from pathlib import Path

from benchmarks.logs import logs
from bot.core.frameworks.verl.log_parser import LogParser
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import CheckpointSaved, LogEvent, StepMetrics, TrainingResumed

AWK = r"""
match($0, /step:[0-9]+ - [A-Za-z_]/) {
  line = substr($0, RSTART); sub(/\r$/, "", line); gsub(/\033\[[0-9;]*m/, "", line)
  sub(/ *\[repeated [0-9]+x across cluster\].*/, "", line); n = split(line, parts, " - "); sub(/step:/, "", parts[1])
  good = 0; trains = 0
  for (i = 2; i <= n; i++) {
    value = parts[i]; sub(/.*:(np\.[a-z0-9]+\()?/, "", value); sub(/\)$/, "", value)
    if (value ~ /^[-+]?[0-9.]+(e[-+]?[0-9]+)?$/) { good++; sum += value }
    if (parts[i] !~ /^val/) trains++; else found++
  }
  if (good == n - 1 && trains) { rows++; steps += parts[1]; values += good; total += sum; points += found }
  if (good == n - 1 && !trains) alone++
  sum = 0; found = 0
}
/alidation metrics: \{/ { alone++ }
END { printf "%d %d %d %d %d %.6f\n", rows, steps, values, points, alone, total }
"""
"""Of rows that train: how many, sum of steps, numbers, validation points; then validations alone; sum of numbers."""

AWK_PLACES = r"""
{ gsub(/\033\[[0-9;]*m/, "") }
/[Ss]av(ing|ed) (checkpoint|model|actor).* to|local_global_step_folder: / && match($0, /global_step_[0-9]+/) {
  saved[substr($0, RSTART + 12, RLENGTH - 12) + 0]
}
/Resuming from|Setting global step to/ && match($0, /global_step_[0-9]+/) {
  resumed[substr($0, RSTART + 12, RLENGTH - 12) + 0]
}
END {
  for (step in saved) { count++; sum += step }
  for (step in resumed) { resumptions++; from += step }
  printf "%d %d %d %d\n", count, sum, resumptions, from
}
"""
"""Of steps with a checkpoint, and of steps from which the training resumed: how many, and their sum."""

CUTS, EXCERPT_BYTES, SEED = 10_000, 12_000, 7

Counts = tuple[list[int], float]


def measure() -> None:
    heads = f"{'rows':>7}{'of steps':>10}{'numbers':>9}{'val':>6}{'alone':>7}{'sum':>18}"
    print(f"{'':30}{heads}  checkpoints and resumptions, each with the sum of its steps")
    for name, text in logs():
        raw = text.encode()
        by_awk, facts = counted_by_awk(raw), in_pieces(raw, [])
        ours, places_by_awk, places = counted(facts), run_awk(AWK_PLACES, raw), counted_places(facts)
        print(shown(f"{name}, awk", by_awk), *places_by_awk)
        print(shown("reader", ours), *places)
        are_same = by_awk[0] == ours[0] and isclose(by_awk[1], ours[1], rel_tol=1e-9)
        if not are_same or [int(number) for number in places_by_awk] != places:
            raise RuntimeError(f"{name} is not read completely")
        print(f"{'':30} the same in {CUTS:,} pieces, and cut in two at {cut_everywhere(raw):,} places of an excerpt")


def shown(name: str, counts: Counts) -> str:
    columns = zip(counts[0], (7, 10, 9, 6, 7), strict=True)
    return f"{name:30}" + "".join(f"{n:{width}}" for n, width in columns) + f"{counts[1]:18.3f}"


def counted_by_awk(raw: bytes) -> Counts:
    numbers = run_awk(AWK, raw)
    return list(map(int, numbers[:5])), float(numbers[5])


def run_awk(program: str, raw: bytes) -> list[str]:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(raw)
        return subprocess.run(["awk", program, file.name], check=True, capture_output=True, text=True).stdout.split()


def counted_places(facts: Iterable[LogEvent]) -> list[int]:
    """Return of checkpoints, and of resumptions, how many steps have one, and the sum of those steps."""
    facts = list(facts)
    saved = {fact.step for fact in facts if isinstance(fact, CheckpointSaved)}
    resumed = {fact.step for fact in facts if isinstance(fact, TrainingResumed)}
    return [len(saved), sum(saved), len(resumed), sum(resumed)]


def counted(facts: Iterable[LogEvent]) -> Counts:
    rows = [fact for fact in facts if isinstance(fact, StepMetrics)]
    training = [row for row in rows if VERL_KEYS.is_training_step(row)]
    # What the bot itself counts, of rollouts that fail, is in no step line.
    values = [(key, value) for row in training for key, value in row.values.items() if not key.startswith("log/")]
    points = sum(VERL_KEYS.is_validation(key) for key, _ in values)
    counts = [len(training), sum(row.step for row in training), len(values), points, len(rows) - len(training)]
    return counts, fsum(value for _, value in values)


def cut_everywhere(raw: bytes) -> int:
    """Compare the whole with ten thousand pieces of it, and an excerpt with its two halves at ten thousand places."""
    dice = random.Random(SEED)
    whole = in_pieces(raw, [])
    if repr(in_pieces(raw, dice.sample(range(len(raw)), min(CUTS, len(raw))))) != repr(whole):
        raise RuntimeError("in pieces it is another log")
    start = raw.find(b"step:", len(raw) // 3)
    excerpt = raw[start : start + EXCERPT_BYTES]
    expected = repr(in_pieces(excerpt, []))
    for cut in dice.sample(range(len(excerpt)), min(CUTS, len(excerpt))):
        if repr(in_pieces(excerpt, [cut])) != expected:
            raise RuntimeError(f"cut at byte {cut} of the excerpt it is another log")
    return min(CUTS, len(excerpt))


def in_pieces(raw: bytes, cuts: Sequence[int]) -> list[LogEvent]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    reader, facts = LogParser(), list[LogEvent]()
    for start, end in pairwise([0, *sorted(cuts), len(raw)]):
        reader, events = reader.parse(decoder.decode(raw[start:end]))
        facts += events
    return facts + reader.finish()[1]
