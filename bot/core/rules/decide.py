"""The next action for one run, given its observation. Pure: no I/O, no clock.

The order of the launch and of the teardown follows from facts of SkyPilot: it has no idempotency key, so a launch is
requested again only when its name has left no trace for a while; and an absent record does not prove that machines are
gone, so a run ends only after two observations, apart in time, and a confirmation.
"""

from datetime import datetime, timedelta

from bot.core.model.bot_clock import has_passed
from bot.core.model.cluster import Ambiguity, ClusterState, Observation, PendingConfirmation, RequestState
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import (
    AbandonCheckpoint,
    Action,
    AwaitConfirmation,
    BeginTeardown,
    CheckResumePoint,
    Close,
    DownloadCheckpoint,
    FindDownloadedCheckpoint,
    NoteMemoryLoss,
    PostponeAutostop,
    Provision,
    RaiseAlarm,
    ReconcileTimings,
    RecordObservation,
    RequestCheckpoint,
    RequestTeardown,
    SaveLog,
    WaitForCheckpoint,
)
from bot.core.rules.cluster_keeping import find_keep_end, find_keep_stop, is_kept, must_postpone_for_look
from bot.core.rules.end_causes import (
    explain_missing_job,
    find_autostop_drift,
    find_cluster_stop,
    find_job_end,
    find_launch_failure,
    find_policy_hit,
    find_requested_end,
    to_reason,
)
from bot.core.rules.finding_actions import find_sick_end
from bot.core.rules.policy_resumes import must_check_checkpoint
from bot.core.rules.save_grace import (
    REASONS_OF_PROGRAM_END,
    STARTED_JOB_STATES,
    find_save_grace,
    has_outage_ended,
    is_download_due,
    may_have_trained,
    must_find_download,
    must_postpone_autostop,
    needs_rescue,
    needs_rescue_while_forgotten,
    rescue_deadline,
    shows_no_training,
)
from bot.core.rules.save_requests import must_request_save
from bot.core.rules.waiting_runs import decide_waiting
from bot.phrase import Phrase, Text, join_sentences, plural_phrase


def decide(run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings) -> Action | None:
    """Return the next action for a run, or None to wait. `observation` is None if none succeeded."""
    match run.status:
        case RunStatus.ENDED:
            return None
        case RunStatus.AWAITING_APPROVAL | RunStatus.PENDING:
            return decide_waiting(run, observation, now, timings)
        case RunStatus.LAUNCHING | RunStatus.RUNNING | RunStatus.STOPPING if observation and run.is_forgotten_by(
            observation
        ):
            return check_disk_first(run, decide_forgotten(run, now, timings))
        case RunStatus.LAUNCHING | RunStatus.RUNNING | RunStatus.STOPPING if (
            observation and run.observed.memory.is_lost
        ):
            return RecordObservation(observation)  # first, so that people hear that the cloud remembers the cluster
        case RunStatus.LAUNCHING | RunStatus.RUNNING:
            if (
                observation
                and run.observed.recoveries.record_observation(observation.recovering, observation.recoveries, now)
                != run.observed.recoveries
            ):
                return RecordObservation(observation)  # before its end, so that its recoveries are recorded
            ending = (observation and find_job_end(observation)) or decide_requested_end(run, observation, now, timings)
            return (
                ending
                or find_policy_hit(run, now, timings)
                or (RequestCheckpoint() if must_request_save(run, observation, now, timings.checkpoint_grace) else None)
                or (decide_active(run, observation, now, timings) if observation else None)
            )
        case RunStatus.STOPPING:
            return decide_stopping(run, observation, now, timings)


def decide_forgotten(run: Run, now: datetime, timings: ReconcileTimings) -> Action | None:
    """Return the action while the cloud does not remember the cluster.

    The cluster's absence proves nothing. What a person, a lease or a budget requires is done as far as possible: the
    teardown is requested by name, again and again, until the cloud remembers or a person confirms what is gone. Where a
    checkpoint may be on the cluster alone, the requests begin at the rescue deadline.
    """
    action: Action | None
    if run.status is not RunStatus.STOPPING:
        action = decide_requested_end(run, None, now, timings) or find_policy_hit(run, now, timings)
    elif run.observed.memory.confirmed_gone_by:
        return Close(run.reason or Reason.STOPPED)
    else:
        # Before the loss is noted, a request that the wrong server received would count as done.
        may_request = run.observed.memory.is_lost and not needs_rescue_while_forgotten(
            run, now, timings.checkpoint_grace
        )
        action = RequestTeardown() if may_request and is_teardown_due(run, now, timings) else None
    if action or run.observed.memory.is_lost:
        return action
    return act_once_confirmed(run, Ambiguity.FORGOTTEN, timings.teardown_confirm, now, timings, NoteMemoryLoss())


def decide_requested_end(
    run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings
) -> BeginTeardown | WaitForCheckpoint | None:
    """Return the end that a person or a limit requires, or the wait for a checkpoint before it.

    The run stays active while it waits.
    """
    teardown = find_requested_end(run, now, timings.report_only) or find_sick_end(run, timings.finding_actions)
    save_grace = find_save_grace(run, teardown.reason, observation, now, timings.checkpoint_grace) if teardown else None
    if teardown and save_grace is None:
        return teardown
    current = run.checkpoint_rescue.save_grace
    is_same_end = (
        current and save_grace and current.reason is save_grace.reason
    )  # a new bill may move the end by seconds
    return None if is_same_end or current == save_grace else WaitForCheckpoint(save_grace)


def decide_active(run: Run, observation: Observation, now: datetime, timings: ReconcileTimings) -> Action | None:
    """Return the action for a run whose launch is in progress or whose job trains, as far as the record knows."""
    if teardown := find_launch_failure(run, observation) or find_cluster_stop(observation):
        return teardown
    if observation.is_empty:
        return decide_absent(run, observation, now, timings)
    if observation.unhealthy:
        cluster_lost = BeginTeardown(Reason.CLUSTER_LOST, observation.unhealthy)
        return act_once_confirmed(
            run, Ambiguity.UNHEALTHY, timings.unhealthy_grace, now, timings, cluster_lost, observation.unhealthy
        )
    # A cluster without a job, whose launch request is over: the launch was interrupted before the job was submitted.
    if observation.job is run.observed.job is None and observation.request is not RequestState.LIVE:
        launch_failed = BeginTeardown(Reason.LAUNCH_FAILED, explain_missing_job(observation))
        return act_once_confirmed(run, Ambiguity.JOBLESS, timings.launch_confirm, now, timings, launch_failed)
    if autostop_drift := find_autostop_drift(run, observation, now, timings):
        return autostop_drift
    return RecordObservation(observation) if run.record_observation(observation, now) != run else None


def decide_absent(run: Run, observation: Observation, now: datetime, timings: ReconcileTimings) -> Action | None:
    """Return the action if there is no cluster and no launch in progress: it is gone, or the launch never arrived.

    See also `decide_forgotten`.
    """
    if observation.ending is not None:
        return act_once_confirmed(
            run,
            Ambiguity.ABSENT,
            timings.teardown_confirm,
            now,
            timings,
            BeginTeardown(to_reason(observation.ending), observation.error),
        )
    if run.launch.is_recovered:
        sentence = Phrase("My database had lost its launch, and its cluster is gone: I do not launch it again.")
        detail = join_sentences(sentence, run.launch.last_error or "")
        return act_once_confirmed(
            run, Ambiguity.ABSENT, timings.launch_confirm, now, timings, BeginTeardown(Reason.LAUNCH_FAILED, detail)
        )
    # A launch that leaves no trace is requested again, since its request may be lost; but not for ever.
    if run.launch.attempts >= timings.max_launch_attempts:
        sentence = plural_phrase(
            "I requested its cluster {count} time, and it did not appear.",
            "I requested its cluster {count} times, and it did not appear.",
            run.launch.attempts,
        )
        detail = join_sentences(sentence, run.launch.last_error or "")
        return act_once_confirmed(
            run, Ambiguity.ABSENT, timings.launch_confirm, now, timings, BeginTeardown(Reason.LAUNCH_FAILED, detail)
        )
    return act_once_confirmed(
        run, Ambiguity.ABSENT, timings.launch_confirm, now, timings, Provision(observation.server)
    )


def act_once_confirmed(
    run: Run,
    ambiguity: Ambiguity,
    wait: timedelta,
    now: datetime,
    timings: ReconcileTimings,
    action: Action,
    detail: Text | None = None,
) -> Action:
    """Return the action once every observation for that long has shown the ambiguity, this one included; or, of a
    cloud that answers too slowly for that, once it was shown after each of several gaps.

    Until then, return the wait for its confirmation.
    """
    pending = run.observed.pending_confirmation
    # A clock that was set back proves nothing.
    if pending is None or pending.ambiguity is not ambiguity or now < pending.since:
        return AwaitConfirmation(PendingConfirmation(ambiguity, now, now, detail))
    if now > pending.last + timings.max_observation_gap:
        # One gap between two observations proves nothing either: the bot may have been away. The wait begins again.
        gaps = pending.gaps + 1
        is_confirmed = gaps >= timings.min_confirming_gaps and gaps * timings.max_observation_gap >= wait
        return action if is_confirmed else AwaitConfirmation(PendingConfirmation(ambiguity, now, now, detail, gaps))
    return (
        action
        if now >= pending.since + wait
        else AwaitConfirmation(PendingConfirmation(ambiguity, pending.since, now, detail, pending.gaps))
    )


def decide_stopping(
    run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings
) -> Action | None:
    """Return the action for a finished run that may still be billed."""
    return check_disk_first(run, decide_teardown(run, observation, now, timings))


def check_disk_first(run: Run, action: Action | None) -> Action | None:
    """Return the action for a finished run, or the look at the bot's own disk that must precede it.

    A checkpoint that is there is never reported as lost.
    """
    is_last_chance = isinstance(action, RequestTeardown | AbandonCheckpoint | Close)
    return FindDownloadedCheckpoint() if is_last_chance and must_find_download(run) else action


def decide_teardown(
    run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings
) -> Action | None:
    """Return the next step of the teardown: last log lines, checkpoint, removal, proof that the machines are gone.

    The removal is requested even if nothing is observed: a launch may still be in progress, and arrive unobserved.
    """
    if observation and observation.keeps_log and needs_log(run, observation, timings):
        return decide_log(run, observation, now, timings)
    if (
        observation
        and observation.is_empty
        and (run.teardown.requested_at is not None or observation.ending is not None)
    ):
        # A server that was restarted has forgotten its requests: without a confirmation the absence must last longer.
        confirmed = observation.ending is not None or observation.request in (
            RequestState.FAILED,
            RequestState.CANCELLED,
        )
        wait = timings.teardown_confirm if confirmed else timings.launch_confirm
        never_existed = observation.ending is None and not run.was_shown
        bill = run.spending.bill_nothing(now) if never_existed else observation.bill
        return act_once_confirmed(run, Ambiguity.ABSENT, wait, now, timings, Close(run.reason or Reason.STOPPED, bill))
    if observation and must_record_first(run, observation):
        return RecordObservation(observation)
    needs_checkpoint = needs_rescue(run) and not (observation and shows_no_training(run, observation))
    is_for_look = is_kept(run, now)
    # A cluster that is kept for its checkpoint, or for a look, is expected to stay.
    if (
        run.teardown.overdue_since is None
        and not needs_checkpoint
        and not is_for_look
        and measure_overdue(run, now) >= timings.teardown_overdue
    ):
        return RaiseAlarm()
    if needs_checkpoint and observation and must_postpone_autostop(run, observation, now, timings.checkpoint_grace):
        return PostponeAutostop(rescue_deadline(run, timings.checkpoint_grace))
    if needs_log(run, observation, timings):
        return decide_log(run, observation, now, timings)
    if must_check_checkpoint(run, observation):
        return CheckResumePoint()
    if needs_checkpoint:
        return decide_rescue(run, observation, now, timings)
    if is_for_look and not (observation and observation.is_empty):
        return decide_kept(run, observation, now, timings)
    if is_teardown_due(run, now, timings):
        return RequestTeardown()
    return RecordObservation(observation) if observation and run.record_observation(observation, now) != run else None


def is_teardown_due(run: Run, now: datetime, timings: ReconcileTimings) -> bool:
    """Return whether the removal is to be requested now: it never was, or not lately."""
    return run.teardown.requested_at is None or has_passed(timings.teardown_retry, run.teardown.requested_at, now)


def must_record_first(run: Run, observation: Observation) -> bool:
    """Return whether to record the observation before anything else: an outage has ended, or the job began unobserved,
    or the observation is the first that shows where the run was.

    The bot may have been away for the whole training; what is done next depends on whether there was one.
    """
    silence_ends = run.observed.outage is not None and run.observed.outage.until is None
    shows_place = bool(observation.infra) and not run.infra
    return silence_ends or shows_place or (observation.job in STARTED_JOB_STATES and not may_have_trained(run))


def measure_overdue(run: Run, now: datetime) -> timedelta:
    """Return how long the cluster has existed since its teardown was due."""
    ends = (run.checkpoint_rescue.rescue_ended_at or run.finished_at, find_keep_stop(run))
    since = max(filter(None, ends), default=None)
    loss = run.observed.memory.loss
    if since and loss and loss.until:  # until then the teardown could be neither done nor observed
        since = max(since, loss.until)
    return now - since if since else timedelta()


def decide_kept(run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings) -> Action | None:
    """Return the action for a cluster that is kept for a look: it stays, and its autostop waits."""
    if observation is None:
        return None
    until = find_keep_end(run)
    if until and must_postpone_for_look(run, observation, now, timings.checkpoint_grace):
        return PostponeAutostop(until)
    return RecordObservation(observation) if run.record_observation(observation, now) != run else None


def decide_rescue(run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings) -> Action | None:
    """Return the action for a checkpoint that exists on the cluster alone.

    It is downloaded before the teardown, or given up in time.
    """
    rescue_until = rescue_deadline(run, timings.checkpoint_grace)
    if now >= rescue_until:
        return AbandonCheckpoint()
    if (
        observation and observation.is_empty
    ):  # SkyPilot may drop a record for a while; a teardown would still find the machines
        return act_once_confirmed(run, Ambiguity.ABSENT, timings.launch_confirm, now, timings, RequestTeardown())
    if is_download_due(run, now, timings.checkpoint_grace):
        return DownloadCheckpoint(rescue_until)
    return RecordObservation(observation) if observation and run.record_observation(observation, now) != run else None


def needs_log(run: Run, observation: Observation | None, timings: ReconcileTimings) -> bool:
    """Return whether there are last log lines to read, and tries left to read them.

    A failed observation says nothing about that: the lines are read all the same, before a teardown deletes them.
    """
    if run.teardown.log_saved_at is not None or run.teardown.log_tries >= timings.max_log_attempts:
        return False
    if observation is None:
        has_job = run.observed.job is not None or run.reason in (*REASONS_OF_PROGRAM_END, Reason.SETUP_FAILED)
        return has_job and run.teardown.requested_at is None
    return (observation.cluster is ClusterState.UP or observation.keeps_log) and (
        observation.job or run.observed.job
    ) is not None


def decide_log(
    run: Run, observation: Observation | None, now: datetime, timings: ReconcileTimings
) -> SaveLog | RecordObservation | None:
    """Return the action that saves the last log lines, or None to wait.

    A failed read is tried again after some time: the obstacle may be gone.
    """
    tried_at = run.teardown.log_tried_at
    if tried_at is None or has_passed(timings.log_retry, tried_at, now) or has_outage_ended(run, tried_at):
        return SaveLog()
    return RecordObservation(observation) if observation and run.record_observation(observation, now) != run else None
