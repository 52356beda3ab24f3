import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.metrics import Progress, read

STEP = "step:3 - critic/rewards/mean:0.25 - actor/lr:1e-06"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(STEP, id="bare"),
        pytest.param(f"(main_task pid=64899) {STEP}", id="an old Ray's"),
        pytest.param(f"\x1b[36m(TaskRunner pid=3165)\x1b[0m {STEP}", id="coloured"),
        pytest.param(f"[36m(main_task pid=54569)[0m {STEP}", id="colours that lost their escapes"),
        pytest.param(f"(verl-ppo, pid=1234) (TaskRunner pid=8) {STEP}", id="one node of SkyPilot's"),
        pytest.param(f"(worker1, rank=1, pid=9, ip=10.0.0.2) (TaskRunner pid=8) {STEP}", id="several nodes"),
        pytest.param(f"{STEP}(TaskRunnerV1 pid=1) INFO:2026-09-11 more", id="another process's text at its end"),
        pytest.param("step:3 - critic/rewards/mean:np.float64(0.25) - actor/lr:np.float64(1e-06)", id="numpy 2"),
    ],
)
def test_a_step_is_read_behind_whatever_stands_before_it(line: str) -> None:
    found = read(line, Progress(), ("actor/lr",))
    assert (found.step, found.reward, found.metrics["actor/lr"]) == (3, 0.25, 1e-06)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("The answer is step:1234 - so I think it is 7", id="a sampled response"),
        pytest.param("step:9 - first add the numbers - then stop", id="a response at the beginning of a line"),
        pytest.param("step:9", id="no metrics"),
        pytest.param("step:x - a:1", id="no number"),
        pytest.param("nothing of the kind", id="other text"),
    ],
)
def test_text_that_is_no_step_line_changes_nothing(line: str) -> None:
    before = Progress(step=2, metrics={"critic/rewards/mean": 0.1})
    assert read(line, before, ()) == before


def test_progress_goes_forward_only_and_reading_twice_changes_nothing() -> None:
    text = "\n".join(f"step:{step} - critic/rewards/mean:0.{step}" for step in range(1, 6))
    once = read(text, Progress(), ())
    assert (once.step, once.reward) == (5, 0.5)
    assert read(text, once, ()) == once


def test_a_validation_stays_until_the_next_and_knows_its_step() -> None:
    text = "step:10 - critic/rewards/mean:0.4 - val-core/gsm8k/reward/mean@1:0.53\nstep:11 - critic/rewards/mean:0.5"
    found = read(text, Progress(), ())
    assert (found.step, found.validation, found.validated_step) == (11, 0.53, 10)


def test_a_validation_on_a_line_of_its_own_belongs_to_its_step() -> None:
    found = read("step:0 - val/test_score/openai/gsm8k:0.1\nstep:0 - critic/score/mean:0.2", Progress(), ())
    assert (found.step, found.validation, found.metrics["critic/score/mean"]) == (0, 0.1, 0.2)


def test_what_is_not_a_number_is_not_shown_as_one() -> None:
    found = read("step:1 - critic/rewards/mean:nan - actor/kl_loss:inf - actor/lr:1.0", Progress(), ("actor",))
    assert (found.step, found.reward, dict(found.metrics)) == (1, None, {"actor/lr": 1.0})


def test_only_wanted_metrics_are_kept() -> None:
    found = read("step:1 - critic/rewards/mean:0.5 - perf/mfu/actor:0.4 - timing_s/step:2.0", Progress(), ("perf",))
    assert set(found.metrics) == {"critic/rewards/mean", "perf/mfu/actor"}


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        pytest.param("local_global_step_folder: /ckpt/p/e/global_step_20", "/ckpt/p/e/global_step_20", id="as of old"),
        pytest.param("Saving checkpoint to /c/r/global_step_20", "/c/r/global_step_20", id="newer"),
    ],
)
def test_a_checkpoint_is_noted_with_its_step(line: str, folder: str) -> None:
    found = read(f"(TaskRunner pid=1) {line}", Progress(), ())
    assert (found.checkpoint, found.checkpoint_step) == (folder, 20)


def test_the_number_of_steps_is_read() -> None:
    assert read("(TaskRunner pid=1) Total training steps: 435", Progress(), ()).total_steps == 435


@given(st.text(st.sampled_from("step:0123 - a/b:.e(np)[]\x1b\r\nmnif_") | st.characters()))
def test_reading_never_crashes(text: str) -> None:
    read(text, Progress(), ("a",))


@given(st.lists(st.integers(0, 30), min_size=1), st.data())
def test_overlapping_reads_find_what_one_read_finds(steps: list[int], data: st.DataObject) -> None:
    lines = [f"step:{step} - critic/rewards/mean:0.{step}" for step in sorted(steps)]
    cut = data.draw(st.integers(0, len(lines)))
    overlap = data.draw(st.integers(0, cut))
    whole = read("\n".join(lines), Progress(), ())
    first = read("\n".join(lines[:cut]), Progress(), ())
    assert read("\n".join(lines[cut - overlap :]), first, ()) == whole
