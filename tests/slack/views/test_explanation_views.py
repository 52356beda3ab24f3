"""Why a run is as it is, and what its model answered, as Slack judges it and a person reads it."""

from dataclasses import replace

import pytest

from bot.core.model.failure import FailureKind, FailureSummary
from bot.core.model.finding import Finding
from bot.core.model.progress import Progress
from bot.core.model.rollout import FindingSamples, RolloutSample, SampleBatch, SampleOrder, ScoreSpread
from bot.core.model.run import Run
from bot.core.model.run_state import ProgressSnapshot, Reason, RunStatus, Summary
from bot.core.rules.explanation import RecipeComparison, RunExplanation, RunsValue, StepShares
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES
from bot.slack.views.explanation_views import render_explanation
from bot.slack.views.message import Answer
from bot.slack.views.rollout_views import (
    SamplePage,
    build_finding_samples,
    build_samples_answer,
    render_file_link,
    render_samples_posted,
)
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message, seeded
from tests.builders import a_run, at, launching, running
from tests.slack.views.test_run_thread import GOLDEN, NOTED, NOW, PACED, RUNS, SICK, ended

FILES = {one: GOLDEN / ("explanations.txt" if one == ENGLISH else f"explanations.{one}.txt") for one in LANGUAGES}
NOTHING_EARLIER = RecipeComparison(0)
COMPARED = RecipeComparison(
    7,
    420,
    RunsValue(0.6123, 0.55, 0.31, 0.64, 7),
    RunsValue(58.0, 41.0, 39.5, 44.0, 5),
    RunsValue(0.064, 0.045, 0.045, 0.045, 1),
)
FIRST = Summary(0, ProgressSnapshot(at(60), 1, 0.03, None, 0.05), ProgressSnapshot(at(3600), 420, 0.6123, 0.53, 4.0))
LATER = replace(FIRST, number=3, before=ProgressSnapshot(at(0), 376, 0.55, 0.53, 3.1))
SHARES = StepShares((("gen", 0.62), ("update_actor", 0.21), ("ref", 0.09), ("adv", 0.02)), 405, 420)
OUT_OF_MEMORY = FailureSummary(
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
    FailureKind.GPU_MEMORY,
    excerpt=("Traceback (most recent call last):", "torch.OutOfMemoryError: CUDA out of memory."),
)
QUIET_LOG = "\n".join(f"step:{step} - critic/rewards/mean:0.6" for step in range(14))


def explain(
    run: Run,
    comparison: RecipeComparison = NOTHING_EARLIER,
    change: Summary | None = None,
    findings: tuple[Finding, ...] = (),
    step_shares: StepShares | None = None,
    logged_error: FailureSummary | None = None,
    log: str = QUIET_LOG,
) -> Answer:
    return render_explanation(RunExplanation(run, comparison, change, findings, step_shares, logged_error, log), NOW)


SAMPLE = RolloutSample(7, "Tom has 6 bags of 7 apples. How many?", "6 * 7 = 42.\n#### 42", 1.0, "42", ("calculator",))
WRONG = RolloutSample(12, "What is 9 - 4?", "I think, therefore 13 `&` <!here>.", 0.0, "5", (), {"acc": "0"})


def page(*samples: RolloutSample, order: SampleOrder = SampleOrder.WORST, share: float = 1.0) -> SamplePage:
    return SamplePage(running(), SampleBatch(40, (40,), 1024, share, ScoreSpread(1024, 0, 0.61, 1), samples), order)


def said() -> dict[str, Answer]:
    attached = FindingSamples("entropy-collapse", 380, SampleOrder.RANDOM, page(SAMPLE).batch)
    finding = build_finding_samples(running(), attached)
    return {
        "why it needs approval": explain(RUNS["waiting for an approver"]),
        "why it is waiting": explain(a_run()),
        "why it is launching": explain(launching()),
        "why it has no step": explain(running(), RecipeComparison(3), log=""),
        "the first run of its recipe": explain(running(progress=PACED), change=FIRST),
        "slower than earlier runs": explain(running(progress=PACED), COMPARED, LATER, (), SHARES),
        "after a resumption": explain(running(progress=replace(PACED, resumed_step=40)), change=FIRST),
        "sick": explain(running(progress=PACED), COMPARED, LATER, (SICK, NOTED, SICK), SHARES),
        "an error in the log of a run that goes on": explain(running(progress=PACED), logged_error=OUT_OF_MEMORY),
        "finished": explain(ended(Reason.SUCCEEDED), COMPARED),
        "failed": explain(ended(Reason.FAILED, failure=OUT_OF_MEMORY), COMPARED),
        "failed without a cause": explain(ended(Reason.FAILED, detail="Job 1 failed with return code list: [1]")),
        "stopped": explain(ended(Reason.STOPPED, stop_requested_by="U0BEN")),
        "never launched": explain(a_run(stop_requested_by="U0ANA").close(Reason.STOPPED, at(5))),
        "kept for a look": explain(RUNS["stopping, kept for a look"]),
        "samples": build_samples_answer(page(WRONG, SAMPLE)),
        "samples of a validation": build_samples_answer(
            replace(page(SAMPLE, order=SampleOrder.BEST), is_validation=True)
        ),
        "samples of a large file, cut": build_samples_answer(page(replace(SAMPLE, is_cut=True), share=0.63)),
        "samples without scores": build_samples_answer(
            replace(
                page(order=SampleOrder.RANDOM),
                batch=SampleBatch(40, (40,), 8, 1.0, None, (RolloutSample(1, "Say hello.", "Hello."),)),
            )
        ),
        "samples are in the thread": render_samples_posted(page(SAMPLE)),
        "samples are in the thread, with a file": render_samples_posted(
            page(SAMPLE, WRONG), render_file_link("https://files.slack.com/T0/F1")
        ),
        "samples for a finding": Answer(text=finding.text, blocks=list(finding.blocks)),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_is_one_that_slack_takes(language: str) -> None:
    with use_language(language):
        for answer in said().values():
            check_message(answer["text"], answer.get("blocks", []))


@pytest.mark.parametrize("language", FILES)
def test_answers_read_as_they_were_read_aloud(language: str) -> None:
    assert read_all(language) == FILES[language].read_text(), "read the difference aloud, then run `make golden`"


def test_of_a_resume_without_a_step_it_is_explained_that_it_trained_nothing() -> None:
    resumed = Progress(60, total_steps=120, resumed_step=60)
    run = running(status=RunStatus.ENDED, reason=Reason.SUCCEEDED, closed_at=at(60), progress=resumed)
    shown = str(explain(run))
    assert "It trained nothing" in shown
    assert "nothing more is known" not in shown
    stepped = replace(run, training=replace(run.training, progress=Progress(61, total_steps=120, resumed_step=60)))
    assert "It trained nothing" not in str(explain(stepped))


def test_nothing_is_said_to_be_since_a_summary_before_the_first_one() -> None:
    assert "summary" not in explain(running(progress=PACED), change=FIRST)["text"]
    assert "summary" not in str(explain(running(progress=PACED), change=FIRST)["blocks"])


def write_all() -> None:
    for language, path in FILES.items():
        path.write_text(read_all(language))


def read_all(language: str) -> str:
    workspace = seeded()
    with use_language(language):
        parts = []
        for name, answer in said().items():
            posted = Message("1.0", "C0TRAIN", workspace.bot, answer["text"], list(answer.get("blocks", [])))
            parts += [f"━━ {name}\n", "\n".join(written(workspace, posted)) + "\n"]
        return "\n".join(parts)
