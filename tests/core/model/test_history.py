"""The numbers of all steps in bounded room: recent ones as they were, older ones true in shape."""

from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.history import MAX_BUCKETS, MIN_RECENT_ROWS, MetricsHistory
from bot.core.model.metrics import StepMetrics

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=3000)


def grown(values: list[float], batch: int = 100) -> MetricsHistory:
    """A history as the store grows it: some rows at a time, compact when they are many."""
    history = MetricsHistory()
    rows = [StepMetrics(step, {"a": value}, float(step)) for step, value in enumerate(values, 1)]
    for start in range(0, len(rows), batch):
        history = MetricsHistory.from_stored(history.buckets_by_metric, (*history.rows, *rows[start : start + batch]))
        if len(history.rows) >= 2 * MIN_RECENT_ROWS:
            history = history.compact()
    return history


@given(VALUES)
def test_its_shape_is_true(values: list[float]) -> None:
    points = grown(values).get_series("a")
    assert all(values[step - 1] == value for step, value in points)
    assert min(value for _, value in points) == min(values)
    assert max(value for _, value in points) == max(values)
    assert points[-1] == (len(values), values[-1])
    steps = [step for step, _ in points]
    assert steps == sorted(set(steps))


@given(VALUES)
def test_recent_steps_are_all_there_and_older_ones_are_few(values: list[float]) -> None:
    history = grown(values)
    recent = values[-min(MIN_RECENT_ROWS, len(values)) :]
    assert [row.values["a"] for row in history.rows][-len(recent) :] == recent
    assert len(history.rows) < 2 * MIN_RECENT_ROWS + 100
    assert all(len(buckets) <= MAX_BUCKETS for buckets in history.buckets_by_metric.values())


def test_older_buckets_stand_evenly_and_use_the_room() -> None:
    buckets = grown([0.5] * 20_000).buckets_by_metric["a"]
    spans = {bucket.last - bucket.first + 1 for bucket in buckets[1:-1]}
    assert len(spans) == 1
    assert len(buckets) > MAX_BUCKETS // 3


def test_a_training_that_goes_back_forgets_what_came_after() -> None:
    history = grown([1.0] * 1000)
    back = MetricsHistory.from_stored(history.buckets_by_metric, [StepMetrics(step, {"a": 2.0}) for step in (300, 301)])
    assert max(step for step, _ in back.get_series("a")) == 301
    assert [value for step, value in back.get_series("a") if step >= 300] == [2.0, 2.0]


def test_a_training_that_goes_back_keeps_what_a_bucket_knows_of_the_steps_before() -> None:
    history = grown([float(step % 50) for step in range(20_000)])
    bucket = history.buckets_by_metric["a"][40]
    back = MetricsHistory.from_stored(history.buckets_by_metric, [StepMetrics(bucket.last, {"a": 0.0})])
    earlier = [step for step, _ in back.get_series("a") if bucket.first <= step < bucket.last]
    assert earlier == [step for step in sorted({bucket.low_step, bucket.high_step}) if step < bucket.last]


def test_a_metric_of_some_steps_only_has_points_there_only() -> None:
    rows = [
        StepMetrics(step, {"a": 1.0} | ({"val-core/x": 0.1 * step} if step % 5 == 0 else {})) for step in range(1, 11)
    ]
    history = MetricsHistory.from_stored({}, rows)
    assert history.keys == ["a", "val-core/x"]
    assert history.get_series("val-core/x") == ((5, 0.5), (10, 1.0))
    assert history.get_series("nope") == ()


def test_not_a_number_is_no_point() -> None:
    assert MetricsHistory.from_stored({}, [StepMetrics(1, {"a": float("nan")}), StepMetrics(2, {"a": 1.0})]).get_series(
        "a"
    ) == ((2, 1.0),)
