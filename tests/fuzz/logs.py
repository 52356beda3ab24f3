"""Log text: masked, read, kept, diagnosed and shown, with secrets in random places."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from hypothesis import strategies as st

from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.failure import FailureSummary
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.log_cursor import LogCursor
from bot.core.rules.log_lines import append_log, find_failure, merge_logs, replace_surrogates, truncate_log
from bot.runtime.secret_filter import SecretFilter
from bot.slack.views.run_thread import build_conversation
from tests.builders import at, change_run, running
from tests.core.frameworks.verl.test_log_parser_fuzz import TEXTS, is_bounded
from tests.fuzz.target import Check, Target
from tests.fuzz.texts import ANY, changed, secrets
from tests.hostile import refuse_unsafe
from tests.secret_corpus import Planted

KEYS = [
    "critic/rewards/mean",
    "actor/entropy",
    "val-core/openai/gsm8k/reward/mean@1",
    "timing_s/step",
    "perf/mfu/actor",
]
VALUES = st.one_of(
    st.floats(allow_nan=True).map(repr),
    st.sampled_from(["np.float64(0.5)", "np.int64(3)", "tensor(0.5, device='cuda:0')", "1e308", "nan", "-inf", "0"]),
)
PAIRS = st.lists(st.tuples(st.sampled_from(KEYS) | ANY, VALUES), max_size=6)
STEPS = st.integers(0, 500) | st.sampled_from([10**9, 10**30])

STEP_LINES = st.builds(lambda step, pairs: f"step:{step} - " + " - ".join(f"{k}:{v}" for k, v in pairs), STEPS, PAIRS)
JSON_LINES = st.builds(lambda step, pairs: json.dumps({"step": step, "data": dict(pairs)}), STEPS, PAIRS)
BARS = st.builds(
    lambda done, total, pace: f"Training Progress: 1%|x| {done}/{total} [0:01<0:02, {pace}s/it]", STEPS, STEPS, VALUES
)
SAID = st.sampled_from(
    [
        "Total training steps: 435",
        "Saving checkpoint to /checkpoints/ppo-7f3a/global_step_20",
        "local_global_step_folder: /checkpoints/ppo-7f3a/global_step_20",
        "Resuming from /checkpoints/ppo-7f3a/global_step_20",
        "Initial validation metrics: {'val-core/a': 0.5, 'val-core/b': np.float64(0.25)}",
        "[prompt] Who wrote this?",
        "[response] step:7 - critic/rewards/mean:9",
        "[score] 0.5",
        "Traceback (most recent call last):",
        '  File "/verl/trainer/main_ppo.py", line 42, in main',
        "    run_ppo(config)",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "ray.exceptions.RayTaskError(ValueError): ray::TaskRunner.run() (pid=7, ip=10.0.0.2)",
        "ERROR: Job 1 failed with return code list: [137, 0]",
        "huggingface_hub.errors.GatedRepoError: 401 Client Error",
    ]
)
SOURCES = st.sampled_from(
    ["", "", "(TaskRunner pid=8) ", "\x1b[36m(head, rank=0, pid=3)\x1b[0m (W pid=7) ", "[rank3]: "]
)
ENDS = st.sampled_from(["\n", "\n", "\n", "\r", "\r\n", "\n\n"])
LINES = STEP_LINES | JSON_LINES | BARS | SAID | TEXTS


@st.composite
def logs(draw: st.DrawFn) -> tuple[str, list[Planted]]:
    """A log, and the secrets that stand in it, each on lines of its own."""
    text, planted = [], []
    for _ in range(draw(st.integers(0, 20))):
        source, end = draw(SOURCES), draw(ENDS)
        if draw(st.integers(0, 4)) == 0:
            planted.append(draw(secrets()))
            text.append("\n" + "".join(f"{source}{line}\n" for line in planted[-1].text.split("\n")))
        else:
            text.append(source + draw(changed(LINES)) + end)
    return "".join(text), planted


@contextmanager
def opened() -> Iterator[Check]:
    filtered = SecretFilter({})
    yield lambda example: check(filtered, *example)


def check(filtered: SecretFilter, text: str, planted: Sequence[Planted]) -> None:
    """Take a log in, in two looks, and show what comes of it."""
    shown = filtered.mask(text)
    refuse_leaks(planted, shown)
    shown = replace_surrogates(shown)
    half = shown[: len(shown) // 2]
    reading, facts = LogCursor().read_tail(half, 1.0)
    _, more = reading.read_tail(shown, 2.0, is_final=True)
    assert all(is_bounded(fact) for fact in (*facts, *more))
    kept = truncate_log(append_log(truncate_log(half), shown))
    digest = diagnose(merge_logs(kept, shown), 2)
    progress = running().training.progress.record_events([*facts, *more], VERL_KEYS, ("critic/rewards/mean",))
    show(change_run(running(), progress=progress), digest, find_failure(shown), kept)


def show(run: Run, digest: FailureSummary | None, detail: str | None, log: str) -> None:
    """Fail on what Slack would take for more than text, while the run trains and after its end."""
    over = run.record_saved_log(detail, at(90), digest).begin_teardown(Reason.FAILED, detail, at(100))
    for one in (run, over, replace(over, status=RunStatus.ENDED, closed_at=at(110))):
        for message in build_conversation(one, at(120), log):
            refuse_unsafe(message.blocks)
            refuse_unsafe(message.text)


def refuse_leaks(planted: Sequence[Planted], shown: str) -> None:
    leaks = [(one.kind, leak) for one in planted if (leak := one.leak(shown))]
    assert leaks == []


TARGET = Target(
    name="logs",
    promise="read within bounds, no secret out, nothing live",
    examples=logs(),
    opened=opened,
    slice=12,
)
