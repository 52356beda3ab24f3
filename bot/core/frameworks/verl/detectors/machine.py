"""Detectors of sick machines: main memory that fills up, and steps that take ever longer."""

from itertools import pairwise
from statistics import median

from bot.core.frameworks.verl.metric_keys import LENGTH, SECONDS
from bot.core.model.finding import Severity
from bot.core.model.measurement import HEALTHY, Measurement, RowWindow, format_number, measure_scatter
from bot.phrase import N_, Phrase, Text

MEMORY = ("perf/cpu_memory_used_gb", "actor/perf/cpu_memory_used_gb", "critic/perf/cpu_memory_used_gb")
"""Gigabytes of main memory that are in use on the machine of the first worker."""

MEMORY_STEPS, MEMORY_CHUNK, WARM_UP_STEPS = 60, 10, 10
"""Steps over which growth is measured, steps of one median, and first steps that fill caches in every run."""

MEMORY_ADVICE = N_(
    "Something keeps data in main memory: look for caches in the reward function and the tools, lower"
    " `data.dataloader_num_workers`, and save and resume before it is full (`trainer.save_freq`); machines with more"
    " memory (`memory` in the recipe) only put it off."
)
STEP_TIME_ADVICE = N_(
    "Compare `timing_s/gen`, `timing_s/update_actor` and `timing_s/reward` with those of the first steps. The usual"
    " causes are a reward function or a tool that becomes slower, a KV cache that is too small"
    " (`actor_rollout_ref.rollout.gpu_memory_utilization`), and a machine that throttles."
)


def detect_memory_growth(window: RowWindow) -> Measurement | None:
    """Measure main memory that grows from step to step, and at which step it is full at this rate."""
    rules, chunks = window.rules, list_memory_chunks(window)
    if window.newest.find_first(MEMORY) is None or len(chunks) < 4:
        return None
    growth, now = chunks[-1] - chunks[0], chunks[-1]
    noise = 2 * measure_scatter(window.get_values(MEMORY, MEMORY_STEPS))
    falls = sum(later <= earlier for earlier, later in pairwise(chunks))
    if falls > 1 or growth <= max(rules.memory_growth_share * chunks[0], noise):
        return HEALTHY
    rate = growth / (MEMORY_CHUNK * (len(chunks) - 1))
    limit = rules.memory_full_share * (rules.host_memory_gigabytes or 0.0)
    full_in_steps = (limit - now) / rate if limit > now else None
    return Measurement(
        1.0,
        rate_memory_growth(window, now, full_in_steps),
        Phrase("Main memory grows from step to step: once it is full, the kernel or Ray kills a worker."),
        describe_memory_growth(window, now, rate, full_in_steps),
        Phrase(MEMORY_ADVICE),
    )


def list_memory_chunks(window: RowWindow) -> list[float]:
    """Return medians of the last steps, ten each, without the first steps of the run."""
    values = window.get_values(MEMORY, min(MEMORY_STEPS, max(window.row_count - WARM_UP_STEPS, 0)))
    first = len(values) % MEMORY_CHUNK
    return [median(values[at : at + MEMORY_CHUNK]) for at in range(first, len(values), MEMORY_CHUNK)]


def rate_memory_growth(window: RowWindow, now: float, full_in_steps: float | None) -> Severity:
    """Return a warning if the memory is full before long, or if it has grown much and its size is unknown."""
    rules, lowest = window.rules, min(window.compute_chunk_medians(MEMORY, MEMORY_CHUNK), default=now)
    if full_in_steps is not None:
        return Severity.WARNING if full_in_steps <= rules.memory_forecast_steps else Severity.NOTE
    return Severity.WARNING if now >= rules.memory_doubled * lowest else Severity.NOTE


def describe_memory_growth(window: RowWindow, now: float, rate: float, full_in_steps: float | None) -> Text:
    """Return a sentence with the rate, and the step at which the memory is full or twice what it is."""
    fields = {"now": format_number(now), "rate": format_number(100 * rate)}
    if full_in_steps is not None:
        return Phrase(
            "It holds {now} GB and grows by {rate} GB per 100 steps: at this rate the {size} GB of the machine are full"
            " at step {step}.",
            **fields,
            size=format_number(window.rules.host_memory_gigabytes or 0.0),
            step=int(window.newest.step + min(full_in_steps, 1e9)),
        )
    return Phrase(
        "It holds {now} GB and grows by {rate} GB per 100 steps: at this rate it doubles by step {step}.",
        **fields,
        step=int(window.newest.step + min(now / rate, 1e9)),
    )


def detect_slow_steps(window: RowWindow) -> Measurement | None:
    """Measure steps that take longer than at the start, beyond what longer responses account for."""
    rules, start, now = window.rules, window.start.get("seconds"), window.compute_median(SECONDS, 20)
    if not start or start < 0 or now is None or window.newest.find_first(SECONDS) is None or window.row_count < 30:
        return None
    ratio = now / start / measure_lengthening(window)
    level = ratio / rules.step_time_note
    if level < 1:
        return Measurement(level)
    return Measurement(
        level,
        Severity.WARNING if ratio >= rules.step_time_warning else Severity.NOTE,
        Phrase("Steps take longer and longer, and longer responses do not account for it."),
        Phrase(
            "A step takes {now} s, and took {start} s at the start; without longer responses that is {ratio} times"
            " as long.",
            now=format_number(now),
            start=format_number(start),
            ratio=format_number(ratio),
        ),
        Phrase(STEP_TIME_ADVICE),
    )


def measure_lengthening(window: RowWindow) -> float:
    """Return how many times as long responses are as at the start, at least 1."""
    start, now = window.start.get("length"), window.compute_median(LENGTH, 20)
    return max(now / start, 1.0) if start and start > 0 and now is not None else 1.0
