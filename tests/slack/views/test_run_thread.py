"""Every message that the bot can post, as Slack would judge it and as a person reads it (tests/slack/views/golden)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.log_selection import LogExcerpt
from bot.core.commands.command import ShowLogs
from bot.core.model.cluster import Ambiguity, JobState, Outage, PendingConfirmation
from bot.core.model.failure import FailureKind, FailureSummary
from bot.core.model.finding import Finding, Severity
from bot.core.model.health_state import HealthState, ResolvedFinding
from bot.core.model.launch_plan import Safeguard
from bot.core.model.lineage import Lineage, PolicyResume
from bot.core.model.money import Bill, BudgetOverrun, BudgetThreshold, Rate
from bot.core.model.progress import Progress, Sparkline, StepTime
from bot.core.model.run import Run
from bot.core.model.run_state import (
    Approval,
    ApprovalCause,
    LaunchFacts,
    Mute,
    PolicyHit,
    ProgressSnapshot,
    Reason,
    RequesterMonth,
    RunLimit,
    RunStatus,
    Summary,
)
from bot.core.model.sent_message import LogFollow, SentMessage
from bot.i18n import use_language
from bot.phrase import ENGLISH, LANGUAGES, Phrase
from bot.slack.views import answers, log_excerpt, run_card, run_thread
from slack_playground.checks import check_message
from slack_playground.transcript import written
from slack_playground.workspace import Message, seeded
from tests.builders import NOON, a_run, at, change_run, launching, running, up

GOLDEN = Path(__file__).parent / "golden"
FILES = {one: GOLDEN / ("messages.txt" if one == ENGLISH else f"messages.{one}.txt") for one in LANGUAGES}
LOG = "\n".join(f"(head, rank=0, pid=7) (TaskRunner pid=7) line {number}" for number in range(4))
TRAINED = Progress(
    420, 1000, {"critic/rewards/mean": 0.6123, "val-core/gsm8k/reward/mean@1": 0.53, "actor/entropy": 0.2},
    400, "/checkpoints/ppo-7f3a/global_step_400", 400, reward=0.6123, validation=0.53,
)  # fmt: skip

CURVE = Sparkline(tuple((step, round(step / 900, 2)) for step in range(31, 421, 32)), 32)
PACED = replace(
    TRAINED,
    rewards=CURVE,
    step_times=(StepTime(58.0), StepTime(59.0), StepTime(57.5)),
    stepped_at=at(3590).timestamp(),
    validated_step=400,
)
SICK = Finding(
    "entropy-collapse", Severity.WARNING, 380, at(1200).timestamp(),
    Phrase("Entropy has collapsed: answers to a prompt are nearly identical."),
    Phrase("Entropy fell from 0.42 to 0.03 nats a token."), Phrase("Raise `actor_rollout_ref.actor.entropy_coeff`."),
    "https://arxiv.org/abs/2505.22617",
)  # fmt: skip
NOTED = replace(SICK, name="plateau", severity=Severity.NOTE, what=Phrase("Reward has plateaued."), advice="")
DEAD = replace(
    SICK,
    name="not-a-number",
    severity=Severity.STOP,
    what=Phrase("Training produces NaN or infinite values; the model has stopped learning."),
)
SUMMARY = Summary(
    3, ProgressSnapshot(at(0), 376, 0.55, 0.53, 35.1), ProgressSnapshot(at(3600), 420, 0.6123, 0.53, 41.2)
)
FIRST_SUMMARY = Summary(
    1, ProgressSnapshot(at(0), 0, None, None, None), ProgressSnapshot(at(3600), 420, 0.6123, 0.53, None)
)
BILL = Bill(92.0, Rate(96.0, "SkyPilot's cost report"), at(3500))


def kept_for_a_look(**changes: object) -> Run:
    """A run whose job failed, and whose cluster is kept for 30 minutes."""
    failed = over(
        Reason.FAILED,
        failure=STRANGE,
        job=JobState.FAILED,
        keep_on_failure=timedelta(minutes=30),
        log_saved_at=at(4000),
    )
    observed = failed.record_observation(up(JobState.FAILED), at(4000))
    return change_run(observed, **changes)


def over(reason: Reason, **changes: object) -> Run:
    run = running(progress=TRAINED, metrics=("actor/entropy",)).begin_teardown(reason, None, at(4000))
    return change_run(run, **changes)


def ended(reason: Reason, **changes: object) -> Run:
    return replace(over(reason, **changes), status=RunStatus.ENDED, closed_at=at(4060))


def waiting_for_approval() -> Run:
    facts = LaunchFacts(768.0, 192.0, unpriced=False, day_dollars=768.0, month=RequesterMonth(0.64, 12.0, 800.0, NOON))
    causes = (ApprovalCause.DOLLARS, ApprovalCause.GPU_HOURS)
    asked = Approval(("U0LEA", "S0LEADS"), at(86_400), "0" * 64, causes, facts)
    return a_run(
        command_line='launch ppo nodes=2 why="try a larger batch" data.train_batch_size=512',
        why="try a larger batch",
        gpus="H100:8",
        infra="k8s",
        image="docker:verlai/verl:app",
        checkpoint_store="bucket s3://models",
        secrets=("WANDB_API_KEY",),
        rate=Rate(64.0, "SkyPilot's catalog"),
        priced_at=at(1),
        status=RunStatus.AWAITING_APPROVAL,
        approval=asked,
    )


PASSED = PolicyHit("person.runs", at(0), None)
OVERDRAWN = BudgetOverrun("person.dollars_per_month", "person:U0ANA", 812.5, 800.0, at(7200))
OOM = FailureSummary(
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB.",
    FailureKind.GPU_MEMORY, node=1, rank=12,
    excerpt=("Traceback (most recent call last):", '  File "/verl/actor.py", line 42, in update', "    loss.backward()",
             "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of …"),
)  # fmt: skip
STRANGE = FailureSummary(
    "RuntimeError: whatever", excerpt=("Traceback (most recent call last):", "RuntimeError: whatever")
)
RESUME = PolicyResume(
    finding="entropy-collapse",
    why=Phrase("The policy has stopped exploring."),
    step=400,
    checkpoint="ppo-7f3a/global_step_400",
    setting="actor_rollout_ref.actor.clip_ratio_high=0.28",
)
ORIGIN = RESUME.record_launch("ppo-7f3a").build_origin("ppo-eec6")
READ: dict[str, object] = {"checkpoints_ephemeral": True, "log_saved_at": at(4030)}
KEPT: dict[str, object] = {"checkpoint_store": "volume m", "resumes": True, "checkpoint_at": at(3700)}


RUNS = {
    "waiting": a_run(gpus="H100:8", infra="k8s"),
    "waiting, and nobody answers": a_run(outage=Outage(at(100))),
    "waiting for an approver": waiting_for_approval(),
    "waiting for an approver, who has approved": waiting_for_approval().record_approval_decision(
        "U0LEA", is_granted=True, now=at(60)
    ),
    "waiting to be stopped": a_run(stop_requested_by="U0BEN"),
    "launching": launching(gpus="H100:8", infra="k8s"),
    "launching, nobody says whether": launching(last_error="SkyPilot did not answer within 60 s."),
    "setting up": launching(job=JobState.SETTING_UP, infra="k8s"),
    "running": running(progress=TRAINED, autostop_minutes=15),
    "running, with a curve": running(progress=replace(TRAINED, rewards=CURVE)),
    "running, with a curve of validations": running(
        progress=replace(TRAINED, rewards=CURVE, validations=Sparkline(((50, 0.02), (200, 0.2), (400, 0.53))))
    ),
    "running, with a pace": running(progress=PACED),
    "running, with a name": running(progress=PACED, name="larger batch & `x`"),
    "running, resumed, many settings": running(
        progress=replace(PACED, resumed_step=400, tracker_page="https://wandb.ai/team/gsm8k/runs/3x4k9q"),
        checkpoint_store="volume m",
        command_line="launch ppo nodes=2 resume_from=ppo-eec6 volume=m a.b=1 a.c=2 a.d=3 a.e=4 budget=5",
    ),
    "running, over its budget ahead": running(progress=PACED, budget_dollars=30.0),
    "running, half of its budget spent": running(budget_dollars=7.0),
    "running, most of its budget spent": running(budget_dollars=4.5),
    "running, its lease ends": running(lease=timedelta(hours=2)),
    "running, its lease ends in minutes, before its last step": running(progress=PACED, lease=timedelta(minutes=70)),
    "running, its limits changed": running()
    .change_limit(RunLimit.BUDGET, 300.0, "U0BEN", at(600))
    .change_limit(RunLimit.LEASE, 14.0, "U0ANA", at(900)),
    "running, something to know": running(progress=PACED, health=HealthState(open_findings=(NOTED,))),
    "running, sick": running(progress=PACED, health=HealthState(open_findings=(NOTED, SICK))),
    "running, dead": running(progress=PACED, health=HealthState(open_findings=(DEAD,))),
    "running, dead, unpriced": running(progress=PACED, rate=None, health=HealthState(open_findings=(DEAD,))),
    "running, healed": running(
        progress=PACED,
        health=HealthState(resolved_findings=(ResolvedFinding(SICK, 410, at(3000).timestamp()),)),
        sent_messages={f"finding-{SICK.key}": SentMessage("1.2", "d", "", NOON)},
    ),
    "running, muted": running(
        progress=PACED, health=HealthState(open_findings=(SICK,)), mutes=(Mute(SICK.name, "U0BEN", at(900)),)
    ),
    "running, its last step done": running(progress=replace(PACED, step=1000)),
    "running, blind": running(checkpoints_ephemeral=True, missing_safeguards=tuple(Safeguard)),
    "running, model dies": running(progress=TRAINED, checkpoints_ephemeral=True),
    "running, unpriced": running(progress=TRAINED, rate=None),
    "running, billed by SkyPilot": running(progress=TRAINED, bill=BILL),
    "running, unhealthy": running(
        progress=TRAINED,
        pending_confirmation=PendingConfirmation(
            Ambiguity.UNHEALTHY, at(100), at(200), "One or more nodes terminated."
        ),
    ),
    "running, unseen": running(outage=Outage(at(100)), progress=TRAINED),
    "running, seen again": running(outage=Outage(at(100), at(900))),
    "running, summed up": running(progress=PACED, summary=SUMMARY),
    "running, summed up for the first time": running(progress=TRAINED, rate=None, summary=FIRST_SUMMARY),
    "running, followed": running(follow=LogFollow("U0BEN", at(9000), 3, None, None)),
    "running, told elsewhere": running(thread_channel="D0000001"),
    "stopping": over(Reason.SUCCEEDED),
    "stopping, deleted outside": over(Reason.DOWNED_EXTERNALLY),
    "stopping, stopped by autostop": over(Reason.AUTODOWNED),
    "stopping, its cluster lost": over(Reason.CLUSTER_LOST),
    "stopping, the removal failed": over(Reason.SUCCEEDED).record_teardown_request(
        at(900), "The credentials have expired."
    ),
    "stopping, kept for a look": kept_for_a_look(),
    "stopping, kept for a look, stop requested": kept_for_a_look(stop_requested_by="U0BEN"),
    "running, rules rehearsed": running()
    .record_policy_hit(PolicyHit("budget", at(3000), 93.5, ends=True))
    .record_policy_hit(PASSED),
    "running, a finding rehearsed": running()
    .record_policy_hit(PolicyHit("findings.entropy-collapse", at(3000), 80.0, ends=True, resume=RESUME))
    .record_policy_hit(PASSED),
    "running, a finding rehearsed that could not resume": running().record_policy_hit(
        PolicyHit("findings.stall", at(3000), 80.0, ends=True, resume=RESUME.refuse(Phrase("No checkpoint was saved.")))
    ),
    "running, resumed by the policy": running(progress=PACED, lineage=Lineage(origin=ORIGIN)),
    "stopping, sick, to be resumed": over(Reason.SICK, lineage=Lineage(resume=RESUME)),
    "ended, sick, resumed": ended(Reason.SICK, lineage=Lineage(resume=RESUME.record_launch("ppo-11d2"))),
    "ended, sick, not resumed": ended(
        Reason.SICK, lineage=Lineage(resume=RESUME.refuse(Phrase("No checkpoint was saved.")))
    ),
    "ended, sick, not to be resumed": ended(Reason.SICK, lineage=Lineage(resume=RESUME.stop("U0BEN"))),
    "running, months nearly spent": running()
    .record_budget_threshold(BudgetThreshold("2026-01", "person:U0ANA", 50, 1000.0, 2000.0))
    .record_budget_threshold(BudgetThreshold("2026-01", "team:C0TRAIN", 80, 8123.4, 10000.0))
    .record_budget_threshold(BudgetThreshold("2026-01", "workspace", 100, 50010.0, 50000.0).with_others(["grpo-1a2b"])),
    "running, a month spent": running(budget_overruns=(OVERDRAWN,)),
    "running, a month spent and made good": running(budget_overruns=(replace(OVERDRAWN, resolved_at=at(5000)),)),
    **{f"ended, {reason}": ended(reason) for reason in Reason},
    "ended, refused": waiting_for_approval()
    .record_approval_decision("U0LEA", is_granted=False, now=at(60))
    .close(Reason.REFUSED, at(60)),
    "ended, refused, with a reason": waiting_for_approval()
    .record_approval_decision("U0LEA", is_granted=False, now=at(60), note="use <!here> first")
    .close(Reason.REFUSED, at(60)),
    "ended, not_approved": waiting_for_approval().close(Reason.NOT_APPROVED, at(86_400)),
    "ended, over_cap": a_run().close(
        Reason.CAP_EXCEEDED, at(5), detail="Your runs would cost $24.00 an hour; your limit is $20.00."
    ),
    "ended, succeeded, billed by SkyPilot": ended(Reason.SUCCEEDED, bill=replace(BILL, dollars=99.5, is_closed=True)),
    "ended, succeeded, kept in a bucket": ended(Reason.SUCCEEDED, checkpoint_store="s3://team/a"),
    "ended, succeeded, resumed": ended(
        Reason.SUCCEEDED,
        progress=replace(
            TRAINED, resumed_step=400, tracker_page="http://mlflow.internal:5000/#/experiments/1/runs/0b9d2c4e"
        ),
        checkpoint_store="volume m",
        command_line="launch ppo nodes=2 resume_from=ppo-eec6 volume=m",
    ),
    "ended, succeeded, model died": ended(Reason.SUCCEEDED, checkpoints_ephemeral=True),
    "ended, succeeded, nothing saved": ended(Reason.SUCCEEDED, checkpoint_store="volume m", progress=Progress(3)),
    "ended, a number that says nothing": ended(
        Reason.SUCCEEDED,
        checkpoint_store="s3://team/a",
        unreliable_metrics={"actor/entropy": "It is 0 because verl does not compute it."},
    ),
    "ended, failed, in words": ended(Reason.FAILED, detail="`run` failed on node 0 with exit code 137 (SIGKILL)."),
    "ended, failed, one was killed and another missed it": ended(
        Reason.FAILED, detail="`run` failed on node 0 with exit code 137 (SIGKILL).", failure=STRANGE
    ),
    "ended, failed, goes on from step 400": ended(Reason.FAILED, failure=OOM, **KEPT),
    "ended, failed, unpriced": ended(Reason.FAILED, failure=OOM, rate=None, **KEPT),
    "ended, failed, right after a checkpoint": ended(
        Reason.FAILED, failure=STRANGE, progress=replace(TRAINED, step=400), **KEPT
    ),
    "ended, failed, while it saved": ended(Reason.FAILED, failure=STRANGE, progress=replace(TRAINED, step=399), **KEPT),
    "ended, failed, nothing saved": ended(Reason.FAILED, failure=STRANGE, progress=Progress(12, 300), **READ),
    "ended, failed, nothing saved, unpriced": ended(
        Reason.FAILED, failure=STRANGE, rate=None, progress=Progress(12, 300), **READ
    ),
    "ended, deleted outside, its log not read to the end": ended(
        Reason.DOWNED_EXTERNALLY, checkpoints_ephemeral=True, progress=Progress(12, 300)
    ),
    "ended, failed, saved elsewhere": ended(
        Reason.FAILED,
        failure=STRANGE,
        checkpoint_store="volume m",
        progress=replace(TRAINED, checkpoint="/other/global_step_400"),
    ),
    **{
        f"ended, failed, {kind}": ended(Reason.FAILED, failure=FailureSummary("the line", kind)) for kind in FailureKind
    },
    "ended, stopped by another": ended(Reason.STOPPED, stop_requested_by="U0BEN"),
    "ended, stopped": ended(Reason.STOPPED, stop_requested_by="U0ANA"),
    "ended, never launched": replace(a_run(stop_requested_by="U0ANA").close(Reason.STOPPED, at(5))),
}
PREVIOUS = change_run(ended(Reason.SUCCEEDED, progress=replace(TRAINED, validation=0.51)), id="ppo-11aa", bill=BILL)
NOW = at(3600)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", RUNS)
def test_every_message_of_a_run_is_one_that_slack_takes(name: str, language: str) -> None:
    with use_language(language):
        for message in run_thread.build_conversation(RUNS[name], NOW, LOG):
            check_message(message.text, list(message.blocks))


@pytest.mark.parametrize("language", FILES)
def test_messages_read_as_they_were_read_aloud(language: str) -> None:
    """The whole is compared, so that a change of words is looked at: `make golden` writes it anew."""
    assert read_all(language) == FILES[language].read_text(), "read the difference aloud, then run `make golden`"


def write_all() -> None:
    for language, path in FILES.items():
        path.write_text(read_all(language))


def read_all(language: str) -> str:
    """Every message of every kind of run, as a person reads it."""
    with use_language(language):
        return read_aloud()


def read_aloud() -> str:
    workspace = seeded()
    parts = []
    for name, run in RUNS.items():
        parts.append(f"━━ {name}\n")
        for message in run_thread.build_conversation(run, NOW, LOG, PREVIOUS):
            found = Message(
                "1.0", "C0TRAIN", workspace.bot, message.text, list(message.blocks), broadcast=message.broadcast
            )
            parts.append("\n".join(written(workspace, found)) + "\n")
    return "\n".join(parts)


def test_hostile_text_never_breaks_a_message() -> None:
    hostile = "<!channel> `` ``` & " + "&<>" * 7_000
    failure = FailureSummary(hostile, FailureKind.NCCL_TIMEOUT, address=hostile[:50], excerpt=(hostile[:300],))
    run = change_run(
        ended(Reason.FAILED, **KEPT),
        failure=failure,
        detail=hostile,
        command_line=hostile,
        checkpoint_store=hostile,
        gpus=hostile,
        infra=hostile,
    )
    for message in run_thread.build_conversation(run, NOW, hostile):
        check_message(message.text[:3000], list(message.blocks))
        assert "<!channel>" not in message.text


def test_an_answer_of_every_length_is_one_that_slack_takes() -> None:
    for count in (0, 1, 25, 400):
        answer = answers.render_runs(
            [replace(running(progress=TRAINED), id=f"ppo-{n:04x}") for n in range(count)], "all", NOW
        )
        check_message(answer["text"], answer.get("blocks", []))
    for size in (0, 10, 3_000):
        found = LogExcerpt(running(), ShowLogs("r", grep="<x>", node=1), ["y" * size])
        check_message("x", log_excerpt.render_log_excerpt(found)["blocks"])


def test_the_digest_of_a_card_changes_with_what_it_shows_and_not_with_time_alone() -> None:
    run = running(rate=None, progress=TRAINED)
    assert run_card.card(run, NOW).digest == run_card.card(run, NOW + timedelta(seconds=5)).digest
    assert (
        run_card.card(run, NOW).digest
        != run_card.card(change_run(run, progress=replace(TRAINED, step=421)), NOW).digest
    )


def test_moments_are_shown_in_the_readers_own_time_zone() -> None:
    assert f"<!date^{int(NOON.timestamp())}^" in str(run_card.card(running(), NOW).blocks)


def test_of_a_long_failure_the_end_is_shown() -> None:
    log = "\n".join([*(f"(job, pid=1) {'x' * 220}" for _ in range(19)), "(job, pid=1) THE ERROR"])
    message = run_card.card(ended(Reason.FAILED), NOW, log)
    assert "THE ERROR" in str(message.blocks)
    check_message(message.text, list(message.blocks))


@pytest.mark.parametrize(
    ("reason", "has_log"),
    [
        *(pytest.param(reason, True, id=f"{reason} is an error") for reason in Reason if reason.is_error),
        *(pytest.param(reason, False, id=f"{reason} is none") for reason in Reason if not reason.is_error),
    ],
)
def test_only_an_error_has_log_lines_and_they_are_five(reason: Reason, has_log: bool) -> None:
    log = "\n".join(f"(job, pid=1) printed {number}" for number in range(20))
    messages = run_thread.build_conversation(ended(reason), NOW, log)
    printed = [str(message.blocks).count("printed ") for message in messages]
    assert printed == [5 * has_log] + [0] * (len(messages) - 1)


def test_a_run_that_never_had_machines_has_no_log_and_took_no_time() -> None:
    shown = str(run_card.card(RUNS["ended, refused"], NOW).blocks)
    assert "'logs'" not in shown
    assert "0 s" not in shown


def test_a_declined_launch_is_one_message_in_the_channel_with_its_reason() -> None:
    messages = run_thread.build_conversation(RUNS["ended, refused, with a reason"], NOW, "")
    told = [message for message in messages if message.broadcast]
    assert [message.key for message in told] == ["approval"]
    assert "use &lt;!here&gt; first" in told[0].text
    assert "use &lt;!here&gt; first" in str(messages[0].blocks)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_card_has_a_color_and_its_attachment_is_not_folded(run: Run) -> None:
    """Slack folds a long attachment under *Show more*."""
    shown = run_card.card(run, NOW, LOG, PREVIOUS)
    assert shown.color
    assert len(shown.blocks) <= 8
    assert shown.blocks[0]["type"] == "section"
