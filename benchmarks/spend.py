"""What a month of 10,000 ended runs has cost, against fetching and decoding the same documents and no more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

import msgspec
from redis import Redis

from benchmarks.world import a_store
from bot.adapters.redis.codec import encode_run
from bot.adapters.redis.connection import ENDED_RUNS, RUN_RECORD, decode_text
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.redis.run_store import DOCUMENT_BATCH_SIZE
from bot.app.cost_service import CostService
from bot.app.report_service import ReportService
from bot.app.run_lookup import find_run
from bot.core.frameworks.verl.metric_keys import VERL_KEYS
from bot.core.model.metrics import CheckpointSaved, StepMetrics, TotalSteps
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from tests.builders import running

RUNS, PEOPLE, TIMES = 10_000, 40, 9
"""The answers take turns, so that a busy moment of the machine falls on all of them."""

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def measure() -> None:
    with a_store() as redis:
        fill(redis)
        store = RedisStore(redis)
        costs, reports = CostService(store, lambda: NOW), ReportService(store, lambda: NOW, lambda: None)
        answers: dict[str, Callable[[], object]] = {
            "the documents alone": lambda: decoded(redis),
            "/verl cost month": lambda: costs.report_month(lambda _: True, "workspace").by_person,
            "/verl cost team": lambda: (
                costs.report_month(lambda run: run.channel == "C0TRAIN", "team:C0TRAIN").by_person
            ),
            "/verl cost RUN": lambda: costs.report_run(find_run(store, "ppo-00001")),
            "/verl report now runs=all": lambda: reports.build_digest_now(
                "U0", "C0TRAIN", everywhere=True, show=lambda run: run
            ),
        }
        rounds = [{name: timed(answer) for name, answer in answers.items()} for _ in range(TIMES)]
    times = {name: [one[name] for one in rounds] for name in answers}
    base = median(times["the documents alone"])
    print(f"{'':30}{'median':>10}{'worst':>11}{'ratio':>9}")
    for name, seconds in times.items():
        print(f"{name:30}{median(seconds):8.2f} s{max(seconds):9.2f} s{median(seconds) / base:8.2f}x")


def timed(answer: Callable[[], object]) -> float:
    began = perf_counter()
    answer()
    return perf_counter() - began


def decoded(redis: Redis) -> int:
    """What any answer has to do: a call for each batch, and JSON into plain values."""
    ids = [decode_text(name) for name in redis.zrange(ENDED_RUNS, 0, -1)]
    count = 0
    for start in range(0, len(ids), DOCUMENT_BATCH_SIZE):
        for document in redis.mget([RUN_RECORD.format(run_id) for run_id in ids[start : start + DOCUMENT_BATCH_SIZE]]):
            count += bool(msgspec.json.decode(decode_text(document)))
    return count


def fill(redis: Redis) -> None:
    """Runs of a month with the records that real ones leave: curves, laps, a checkpoint."""
    pattern = trained()
    for start in range(0, RUNS, 1000):
        with redis.pipeline() as batch:
            for number in range(start, start + 1000):
                run = ended(pattern, number)
                batch.set(RUN_RECORD.format(run.id), encode_run(run))
                batch.zadd(ENDED_RUNS, {run.id: run.closed_at.timestamp() if run.closed_at else 0})
            batch.execute()


def trained() -> Run:
    keys = {f"actor/{name}": 0.1 for name in ("entropy", "kl_loss", "pg_loss", "grad_norm", "lr")}
    values = keys | {"critic/rewards/mean": 0.5, "timing_s/step": 60.0}
    rows = [
        StepMetrics(at, values | ({"val-core/x/reward/mean@1": at / 1000} if at % 20 == 0 else {}), at)
        for at in range(500)
    ]
    return running(
        progress=Progress().record_events(
            [TotalSteps(500), *rows, CheckpointSaved("/c/global_step_500", 500)], VERL_KEYS, ("actor/",)
        )
    )


def ended(pattern: Run, number: int) -> Run:
    at = NOW - timedelta(minutes=number * 4)
    return replace(
        pattern,
        id=f"ppo-{number:05x}",
        requester=f"U{number % PEOPLE}",
        recipe=("ppo", "grpo", "dapo")[number % 3],
        created_at=at - timedelta(hours=2),
        running_at=at - timedelta(hours=1.9),
        finished_at=at - timedelta(minutes=2),
        closed_at=at,
        status=RunStatus.ENDED,
        reason=Reason.SUCCEEDED,
        observed=replace(pattern.observed, infra=("k8s", "slurm/one", "aws")[number % 3]),
        launch=replace(pattern.launch, first_requested_at=at - timedelta(hours=2)),
        spending=replace(pattern.spending, rate=None if number % 10 == 0 else pattern.spending.rate),
    )
