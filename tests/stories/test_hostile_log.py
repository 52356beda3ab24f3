"""A run that prints whatever has ever broken a promise, through the real bot on real processes: it is ended on time by
its lease or its budget, its cluster is gone, its end is told, and other people are answered meanwhile."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples import param
from tests.live import Live
from tests.waiting import eventually

pytestmark = pytest.mark.slow

RECIPE = """
name: hostile
resources: {cpus: 1+}
num_nodes: 1
run: |
  exec python3 - <<'PYTHON'
  import json, time
  keys = ("critic/rewards/mean", "actor/grad_norm", "actor/entropy", "response_length/mean")
  row = " - ".join(key + ":1e308" for key in keys)
  values = {"val-aux/source/%d/reward/mean@32" % number: 0.5 for number in range(20_000)}
  braces = "Initial validation metrics: {"
  lines = [
      "step:1 - critic/rewards/mean:0.5 - timing/a:1e308 - timing/b:1e308",
      "Total training steps: 999999999",
      "step:2 - critic/rewards/mean:0.5 - timing_s/step:1e300",
      "step:3 - critic/rewards/mean:0.5 - timing_s/step:260",
      *("step:%d - %s" % (step, row) for step in range(4, 404)),
      json.dumps({"step": 404, "data": {key: 1.7e308 for key in keys}}),
      json.dumps({"step": 405, "data": {chr(0xD800): 0.5, **values}}),
      "step:406 - " + " - ".join("%s:%s" % pair for pair in values.items()),
      "(pid=" + "1" * 60_000,
      "Training Progress:" * 4_000,
      "Training Progress: 1%|x| " + "9" * 5_000 + "/9 [0:01<0:02, 1.2.3s/it]",
      "Traceback (most recent call last):", "Aaaa" * 7_500 + "!",
      "ray::" * 12_000, " " * 60_000 + "!", "(rank=1 " * 8_000, "access to model " * 4_000,
      braces, *[" 'val-core/%d': 0.5," % number for number in range(500)],
      "step:407 - critic/rewards/mean:0.5\\r" * 20_000,
      "\\x00\\x1b[2K\\x07\\x9b" * 5_000, "<sky-payload>" * 5_000,
      "x" * 3_000_000,
      "step:408 - critic/rewards/mean:0.75 - actor/lr:0.1",
  ]
  while True:
      for line in lines:
          print(line, flush=True)
      time.sleep(0.5)
  PYTHON
_metadata:
  verlbot:
    title: Hostile
    description: Prints what no training prints.
    budget_dollars: 100
    lease_hours: 1
    metrics: [actor]
"""

QUESTIONS = (
    "status",
    "list",
    "help",
    "report now runs=all",
    "cost month",
    "cost mine",
    "describe hostile",
    "logs {run}",
)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "hostile.yaml").write_text(RECIPE)
    found = Live(tmp_path, VERLBOT_RECIPES_DIR=str(folder))
    found.start()
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("limits", "seconds", "why"),
    [("budget=0.01", 18.0, "budget"), param(("lease=0.01", 36.0, "lease"))],
)
@pytest.mark.long
def test_a_run_that_prints_anything_is_ended_on_time_and_holds_up_nobody(
    live: Live, limits: str, seconds: float, why: str
) -> None:
    run_id = live.launched(f"hostile {limits}")
    began = time.monotonic()
    answered = []
    while run_id not in live.ended():
        assert time.monotonic() - began < seconds + 45, live.log()
        for question in QUESTIONS:
            before = len(live.slack.record("delivery"))
            live.ana.says(f"/verl {question.format(run=run_id)}")
            eventually(lambda before=before: len(live.slack.record("delivery")) > before, live.log, 10)  # type: ignore[misc]
        answered = [entry for entry in live.slack.record("delivery") if entry.get("seconds") is not None]
    assert time.monotonic() - began >= seconds * 0.8
    assert {entry["outcome"] for entry in answered} == {"ok"}
    assert max(entry["seconds"] for entry in answered) < 3
    live.sees_end(why)
    live.assert_nothing_left()
    assert "went wrong on my side" not in live.ana.reads()
    log = (live.data_dir / "bot.log").read_text()
    assert log.count("Traceback") <= 3, log[:6000]
    assert "cannot be read" not in log
