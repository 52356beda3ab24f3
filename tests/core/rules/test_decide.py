from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from bot.core.model.checkpoint import CheckpointRescue
from bot.core.model.cluster import (
    Ambiguity,
    AutostopRepair,
    CloudMemory,
    ClusterState,
    Ending,
    JobState,
    Observation,
    Outage,
    PendingConfirmation,
    RequestState,
)
from bot.core.model.cluster_requests import LaunchRequests
from bot.core.model.money import Bill, Rate
from bot.core.model.progress import Progress
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.actions import (
    AbandonCheckpoint,
    Action,
    AwaitConfirmation,
    BeginTeardown,
    Close,
    DownloadCheckpoint,
    FindDownloadedCheckpoint,
    PostponeAutostop,
    Provision,
    RaiseAlarm,
    ReconcileTimings,
    RecordObservation,
    RequestTeardown,
    SaveLog,
    SetAutostop,
)
from bot.core.rules.decide import decide, must_record_first
from bot.i18n import use_language
from bot.phrase import LANGUAGES, Phrase, plural_phrase
from tests.builders import GONE, NOON, NOTHING, PROVISIONING, a_run, at, change_run, launching, running, up


def nothing_billed(seconds: float) -> Bill:
    """The bill of a cluster that never existed."""
    return Bill(0.0, Rate(4.0, "demo price"), at(seconds), is_closed=True)


RULES = ReconcileTimings(
    launch_confirm=timedelta(seconds=30),
    max_launch_attempts=3,
    teardown_confirm=timedelta(seconds=5),
    teardown_retry=timedelta(seconds=60),
    max_log_attempts=3,
)
ABSENT = PendingConfirmation(Ambiguity.ABSENT, NOON, NOON)
LOST = Observation(ending=Ending.LOST)
JOBLESS = PendingConfirmation(Ambiguity.JOBLESS, NOON, NOON)


def wonder(puzzle: Ambiguity, since: float, last: float) -> AwaitConfirmation:
    return AwaitConfirmation(PendingConfirmation(puzzle, at(since), at(last)))


def stopping(**changes: Any) -> Run:
    """Over at noon, its last lines kept."""
    over = {"status": RunStatus.STOPPING, "reason": Reason.SUCCEEDED, "finished_at": NOON, "log_saved_at": NOON}
    return running(**over | changes)


def never_shown(**changes: Any) -> Run:
    """Asked for and stopped at noon; no look has shown its cluster."""
    return launching(**{"status": RunStatus.STOPPING, "reason": Reason.STOPPED, "finished_at": NOON} | changes)


def guarded(**changes: Any) -> Run:
    """Running, with the autostop that it asked for as far as the record knows."""
    return running(**{"requested_autostop_minutes": 15, "autostop_minutes": 15} | changes)


def mending(**changes: Any) -> AutostopRepair:
    """Of an autostop that was found cancelled at noon, and set again at once."""
    return AutostopRepair(**{"since": NOON, "observed_minutes": None, "was_set": True, "tried_at": NOON} | changes)


MODEL = Progress(step=21, checkpoint="~/checkpoints/ppo-7f3a/global_step_20", checkpoint_step=20)
TIMES = ("log_saved_at", "teardown_requested_at", "pending_confirmation")


def unread(**changes: Any) -> Run:
    """Over at noon, its last lines not read; its recipe saves to its own disk alone."""
    known = {
        "log_saved_at": None,
        "checkpoints_ephemeral": True,
        "checkpoint_folder": "~/checkpoints",
        "requested_autostop_minutes": 15,
    }
    trained = {} if "running_at" in changes else {"progress": MODEL}
    return stopping(**known | trained | changes)


def kept(**changes: Any) -> Run:
    """The same, with what has been done for its model; where that has begun, its last lines are read."""
    own = {name: value for name, value in changes.items() if name in TIMES}
    read = {"log_saved_at": NOON} if "started_at" in changes else {}
    keeping = CheckpointRescue(**{name: value for name, value in changes.items() if name not in TIMES})
    return unread(checkpoint_rescue=keeping, **read | own)


FORGOTTEN = CloudMemory(cluster_id="9f", server="1 system", loss=Outage(NOON))
UNNAMED: dict[str, Any] = {"reason": Reason.STOPPED, "progress": Progress(step=9), "memory": FORGOTTEN}
"""Stopped in its ninth step, forgotten by its cloud; no log line has named a checkpoint."""
UNSTEPPED: dict[str, Any] = UNNAMED | {"progress": Progress()}

ASKED_IN_VAIN = (
    "I requested its cluster {count} time, and it did not appear.",
    "I requested its cluster {count} times, and it did not appear.",
)

NOT_AGAIN = "My database had lost its launch, and its cluster is gone: I do not launch it again."

CASES = [
    # a wish
    pytest.param(a_run(), NOTHING, 0, Provision(), id="a new run asks for its cluster"),
    pytest.param(a_run(), None, 0, None, id="nothing is launched blindly"),
    pytest.param(a_run(stop_requested_by="U"), NOTHING, 0, Close(Reason.STOPPED), id="stopped before it was asked for"),
    pytest.param(a_run(stop_requested_by="U"), None, 0, Close(Reason.STOPPED), id="stopped before, and nobody answers"),
    # launching
    pytest.param(launching(), PROVISIONING, 0, None, id="waits for the cluster"),
    pytest.param(launching(), NOTHING, 1, wonder(Ambiguity.ABSENT, 1, 1), id="no trace yet"),
    pytest.param(
        launching(pending_confirmation=ABSENT), NOTHING, 29, wonder(Ambiguity.ABSENT, 0, 29), id="no trace for a while"
    ),
    pytest.param(
        launching(pending_confirmation=ABSENT), NOTHING, 30, Provision(), id="no trace for long enough: asked again"
    ),
    pytest.param(
        launching(pending_confirmation=ABSENT, launch_attempts=3),
        NOTHING,
        30,
        BeginTeardown(Reason.LAUNCH_FAILED, plural_phrase(*ASKED_IN_VAIN, 3)),
        id="asked for often enough",
    ),
    pytest.param(
        launching(pending_confirmation=ABSENT, launch=LaunchRequests.recover(NOON)),
        NOTHING,
        30,
        BeginTeardown(Reason.LAUNCH_FAILED, Phrase(NOT_AGAIN)),
        id="taken back from a cluster that is gone: its task is lost",
    ),
    pytest.param(
        launching(pending_confirmation=ABSENT, launch=LaunchRequests.recover(NOON)),
        NOTHING,
        29,
        wonder(Ambiguity.ABSENT, 0, 29),
        id="taken back, and its cluster not seen for a while",
    ),
    pytest.param(
        launching(pending_confirmation=JOBLESS),
        NOTHING,
        30,
        wonder(Ambiguity.ABSENT, 30, 30),
        id="another puzzle begins anew",
    ),
    pytest.param(launching(), up(None), 1, wonder(Ambiguity.JOBLESS, 1, 1), id="a cluster without a job"),
    pytest.param(
        launching(pending_confirmation=JOBLESS),
        up(None),
        30,
        BeginTeardown(Reason.LAUNCH_FAILED, Phrase("The cluster came up, but SkyPilot gave it no job.")),
        id="a cluster that gets no job",
    ),
    pytest.param(launching(), up(None, request=RequestState.LIVE), 99, None, id="the job is still on its way"),
    pytest.param(
        launching(),
        Observation(request=RequestState.FAILED, error="no H100"),
        1,
        BeginTeardown(Reason.LAUNCH_FAILED, "no H100"),
        id="refused by the cloud",
    ),
    pytest.param(
        launching(),
        Observation(request=RequestState.FAILED, cluster=ClusterState.INIT, error="no"),
        1,
        BeginTeardown(Reason.LAUNCH_FAILED, "no"),
        id="failed, and left something standing",
    ),
    pytest.param(
        launching(),
        Observation(request=RequestState.CANCELLED),
        1,
        BeginTeardown(Reason.CANCELLED_EXTERNALLY, Phrase("Someone cancelled its launch outside verlbot.")),
        id="cancelled by somebody else",
    ),
    pytest.param(launching(), up(JobState.SETTING_UP), 1, RecordObservation(up(JobState.SETTING_UP)), id="sets up"),
    pytest.param(launching(), up(), 1, RecordObservation(up()), id="trains"),
    pytest.param(
        launching(), up(JobState.SUCCEEDED), 1, BeginTeardown(Reason.SUCCEEDED), id="was quicker than the looks"
    ),
    pytest.param(
        launching(stop_requested_by="U"), PROVISIONING, 1, BeginTeardown(Reason.STOPPED), id="stopped while launching"
    ),
    pytest.param(
        launching(stop_requested_by="U"), None, 1, BeginTeardown(Reason.STOPPED), id="stopped while nobody answers"
    ),
    pytest.param(
        launching(), replace(GONE, ending=Ending.LOST), 1, wonder(Ambiguity.ABSENT, 1, 1), id="gone before it was seen"
    ),
    pytest.param(
        launching(pending_confirmation=ABSENT),
        replace(GONE, ending=Ending.LOST),
        5,
        BeginTeardown(Reason.CLUSTER_LOST),
        id="it was there: not asked again",
    ),
    # running
    pytest.param(running(), up(), 1, None, id="nothing new"),
    pytest.param(running(), None, 1, None, id="nobody answers"),
    pytest.param(
        running(), up(autostop_minutes=5), 1, RecordObservation(up(autostop_minutes=5)), id="autostop as it is"
    ),
    pytest.param(running(outage=Outage(NOON)), up(), 1, RecordObservation(up()), id="seen again"),
    pytest.param(
        running(),
        up(JobState.FAILED, unhealthy="A node is gone."),
        1,
        BeginTeardown(Reason.CLUSTER_LOST, "A node is gone."),
        id="its job failed on a broken cluster",
    ),
    pytest.param(running(), up(JobState.SUCCEEDED), 1, BeginTeardown(Reason.SUCCEEDED), id="succeeded"),
    pytest.param(
        running(), up(JobState.FAILED, error="code 3"), 1, BeginTeardown(Reason.FAILED, "code 3"), id="failed"
    ),
    pytest.param(
        running(), up(JobState.FAILED_SETUP, error="7"), 1, BeginTeardown(Reason.SETUP_FAILED, "7"), id="setup failed"
    ),
    pytest.param(running(), up(JobState.FAILED_DRIVER), 1, BeginTeardown(Reason.DRIVER_DIED), id="driver died"),
    pytest.param(
        running(),
        up(JobState.CANCELLED),
        1,
        BeginTeardown(Reason.CANCELLED_EXTERNALLY),
        id="cancelled by somebody else",
    ),
    pytest.param(
        running(stop_requested_by="U"),
        up(JobState.SUCCEEDED),
        1,
        BeginTeardown(Reason.SUCCEEDED),
        id="what happened comes before a wish",
    ),
    pytest.param(running(stop_requested_by="U"), up(), 1, BeginTeardown(Reason.STOPPED), id="stopped"),
    pytest.param(running(), LOST, 1, wonder(Ambiguity.ABSENT, 1, 1), id="gone at one look"),
    pytest.param(
        running(pending_confirmation=ABSENT),
        LOST,
        5,
        BeginTeardown(Reason.CLUSTER_LOST),
        id="gone, twice and confirmed",
    ),
    pytest.param(
        running(pending_confirmation=ABSENT),
        LOST,
        46,
        AwaitConfirmation(PendingConfirmation(Ambiguity.ABSENT, at(46), at(46), gaps=1)),
        id="nobody looked in between",
    ),
    pytest.param(
        running(pending_confirmation=PendingConfirmation(Ambiguity.ABSENT, at(46), at(46), gaps=1)),
        LOST,
        92,
        BeginTeardown(Reason.CLUSTER_LOST),
        id="gone at each of three looks that are far apart",
    ),
    pytest.param(
        running(pending_confirmation=PendingConfirmation(Ambiguity.ABSENT, at(46), at(46), gaps=1)),
        LOST,
        47,
        AwaitConfirmation(PendingConfirmation(Ambiguity.ABSENT, at(46), at(47), gaps=1)),
        id="gone at two looks after one gap",
    ),
    pytest.param(
        running(pending_confirmation=PendingConfirmation(Ambiguity.ABSENT, at(92), at(92), gaps=1)),
        LOST,
        46,
        wonder(Ambiguity.ABSENT, 46, 46),
        id="gone after a gap, and the clock was set back",
    ),
    pytest.param(
        running(pending_confirmation=PendingConfirmation(Ambiguity.JOBLESS, at(46), at(46), gaps=1)),
        LOST,
        92,
        wonder(Ambiguity.ABSENT, 92, 92),
        id="another doubt after a gap",
    ),
    pytest.param(
        running(pending_confirmation=ABSENT), up(), 40, RecordObservation(up()), id="a dropped record that is back"
    ),
    pytest.param(
        running(pending_confirmation=ABSENT), GONE, 4, wonder(Ambiguity.ABSENT, 0, 4), id="two looks too close together"
    ),
    pytest.param(
        running(pending_confirmation=ABSENT),
        GONE,
        5,
        BeginTeardown(Reason.DOWNED_EXTERNALLY),
        id="removed behind our back",
    ),
    pytest.param(
        running(pending_confirmation=ABSENT),
        Observation(ending=Ending.AUTODOWNED),
        5,
        BeginTeardown(Reason.AUTODOWNED),
        id="removed by autostop",
    ),
    pytest.param(
        running(),
        Observation(cluster=ClusterState.STOPPED),
        1,
        BeginTeardown(Reason.CANCELLED_EXTERNALLY, Phrase("Someone stopped its cluster outside verlbot.")),
        id="stopped, and its disks bill",
    ),
    pytest.param(running(), Observation(cluster=ClusterState.AUTOSTOPPING), 1, None, id="removing itself"),
    pytest.param(
        running(lease=timedelta(hours=1)), up(), 3600, BeginTeardown(Reason.LEASE_EXPIRED), id="its lease is over"
    ),
    pytest.param(
        running(lease=timedelta(hours=1)),
        None,
        3600,
        BeginTeardown(Reason.LEASE_EXPIRED),
        id="its lease is over, unseen",
    ),
    pytest.param(
        running(rate=Rate(4, "x"), budget_dollars=1.0),
        up(),
        901,
        BeginTeardown(Reason.BUDGET_EXCEEDED),
        id="its budget is spent",
    ),
    pytest.param(running(rate=None, budget_dollars=1.0), up(), 9999, None, id="nobody knows what it costs"),
    # autostop
    pytest.param(guarded(), up(autostop_minutes=15), 1, None, id="guarded as asked for"),
    pytest.param(guarded(), up(), 1, SetAutostop(15, None), id="its autostop was cancelled"),
    pytest.param(guarded(), up(autostop_minutes=600), 1, SetAutostop(15, 600), id="its autostop was changed"),
    pytest.param(
        guarded(requested_autostop_minutes=None), up(), 1, RecordObservation(up()), id="no autostop was asked for"
    ),
    pytest.param(
        guarded(job=None),
        up(),
        1,
        RecordObservation(up()),
        id="its job is seen for the first time, its autostop as before",
    ),
    pytest.param(
        guarded(),
        Observation(cluster=ClusterState.INIT, job=JobState.RUNNING),
        1,
        RecordObservation(Observation(cluster=ClusterState.INIT, job=JobState.RUNNING)),
        id="what is not up takes no autostop",
    ),
    pytest.param(
        guarded(),
        up(request=RequestState.LIVE),
        1,
        RecordObservation(up(request=RequestState.LIVE)),
        id="a launch is under way",
    ),
    pytest.param(guarded(autostop_minutes=None, autostop_repair=mending()), up(), 59, None, id="set a moment ago"),
    pytest.param(
        guarded(autostop_minutes=None, autostop_repair=mending()), up(), 60, SetAutostop(15, None), id="set in vain"
    ),
    pytest.param(
        guarded(autostop_minutes=None, autostop_repair=mending(refusal="no")), up(), 999, None, id="it cannot have one"
    ),
    pytest.param(
        guarded(autostop_repair=mending(repaired_at=at(9))), up(), 60, SetAutostop(15, None), id="cancelled once more"
    ),
    pytest.param(
        guarded(), up(JobState.SUCCEEDED), 1, BeginTeardown(Reason.SUCCEEDED), id="what is over needs no autostop"
    ),
    # stopping
    pytest.param(stopping(log_saved_at=None), up(JobState.SUCCEEDED), 1, SaveLog(), id="last lines first"),
    pytest.param(
        stopping(log_saved_at=None, log_tries=3),
        up(JobState.FAILED),
        1,
        RequestTeardown(),
        id="no last lines to be had",
    ),
    pytest.param(stopping(log_saved_at=None), PROVISIONING, 1, RequestTeardown(), id="no job, no lines"),
    pytest.param(stopping(log_saved_at=None), None, 1, SaveLog(), id="one failed look takes no last lines away"),
    pytest.param(stopping(log_saved_at=None, log_tries=1, log_tried_at=NOON), None, 9, None, id="nor does the next"),
    pytest.param(
        stopping(log_saved_at=None, log_tries=3), None, 60, RequestTeardown(), id="but for ever they are not waited for"
    ),
    pytest.param(stopping(), None, 1, RequestTeardown(), id="removed though nobody answers"),
    pytest.param(
        launching(status=RunStatus.STOPPING, reason=Reason.STOPPED, finished_at=NOON),
        None,
        1,
        RequestTeardown(),
        id="no job was seen",
    ),
    pytest.param(
        stopping(log_saved_at=None, log_tries=1, log_tried_at=NOON, outage=Outage(NOON, at(3))),
        up(JobState.SUCCEEDED),
        4,
        SaveLog(),
        id="asked again once the silence is over",
    ),
    pytest.param(stopping(), up(), 1, RequestTeardown(), id="removed"),
    pytest.param(stopping(teardown_requested_at=NOON), up(), 59, None, id="being removed"),
    pytest.param(stopping(teardown_requested_at=NOON), up(), 60, RequestTeardown(), id="removed again"),
    pytest.param(
        stopping(teardown_requested_at=at(3600)), up(), 5, RequestTeardown(), id="removed by a clock that was ahead"
    ),
    pytest.param(
        running(pending_confirmation=PendingConfirmation(Ambiguity.ABSENT, at(3600), at(3600))),
        LOST,
        5,
        wonder(Ambiguity.ABSENT, 5, 5),
        id="doubted by a clock that was ahead",
    ),
    pytest.param(stopping(teardown_requested_at=at(590)), up(), 599, None, id="still being removed"),
    pytest.param(stopping(teardown_requested_at=at(590)), up(), 600, RaiseAlarm(), id="it does not go"),
    pytest.param(
        stopping(teardown_requested_at=at(590)), None, 600, RaiseAlarm(), id="it does not go, and nobody answers"
    ),
    pytest.param(
        stopping(teardown_requested_at=at(590), teardown_overdue_since=at(600)), up(), 601, None, id="it was told of"
    ),
    pytest.param(
        stopping(pending_confirmation=PendingConfirmation(Ambiguity.ABSENT, at(590), at(595))),
        GONE,
        600,
        Close(Reason.SUCCEEDED),
        id="gone at last",
    ),
    pytest.param(
        stopping(teardown_requested_at=NOON, pending_confirmation=ABSENT),
        up(),
        9,
        RecordObservation(up()),
        id="stands after all",
    ),
    pytest.param(
        stopping(teardown_requested_at=NOON), GONE, 1, wonder(Ambiguity.ABSENT, 1, 1), id="gone at one look is not gone"
    ),
    pytest.param(
        stopping(pending_confirmation=ABSENT), GONE, 5, Close(Reason.SUCCEEDED), id="gone, twice and confirmed"
    ),
    pytest.param(
        never_shown(pending_confirmation=ABSENT),
        NOTHING,
        99,
        RequestTeardown(),
        id="a launch that left no trace may still arrive",
    ),
    pytest.param(
        never_shown(teardown_requested_at=NOON, pending_confirmation=ABSENT),
        NOTHING,
        29,
        wonder(Ambiguity.ABSENT, 0, 29),
        id="no trace, twice, and nothing confirms it",
    ),
    pytest.param(
        never_shown(teardown_requested_at=NOON, pending_confirmation=ABSENT),
        NOTHING,
        30,
        Close(Reason.STOPPED, nothing_billed(30)),
        id="no trace for long enough",
    ),
    pytest.param(
        never_shown(teardown_requested_at=NOON, pending_confirmation=ABSENT),
        Observation(request=RequestState.FAILED),
        5,
        Close(Reason.STOPPED, nothing_billed(5)),
        id="never stood",
    ),
    pytest.param(stopping(), PROVISIONING, 1, RequestTeardown(), id="a launch under way is called off"),
    # over, and its model is on its cluster alone
    pytest.param(
        unread(),
        up(JobState.SUCCEEDED),
        1,
        PostponeAutostop(at(43200)),
        id="its autostop is put off before its log is read",
    ),
    pytest.param(unread(reason=Reason.STOPPED), up(), 1, SaveLog(), id="a job that runs keeps its cluster from going"),
    pytest.param(kept(autostop_postponed_until=at(43200)), up(JobState.SUCCEEDED), 1, SaveLog(), id="which was done"),
    pytest.param(
        kept(autostop_postpone_failed_at=NOON),
        up(JobState.SUCCEEDED),
        59,
        SaveLog(),
        id="which has failed a moment ago",
    ),
    pytest.param(
        kept(autostop_postpone_failed_at=NOON),
        up(JobState.SUCCEEDED),
        60,
        PostponeAutostop(at(43200)),
        id="which is tried once more",
    ),
    pytest.param(
        unread(requested_autostop_minutes=None),
        up(JobState.SUCCEEDED),
        1,
        SaveLog(),
        id="without an autostop there is none to put off",
    ),
    pytest.param(
        unread(running_at=None, job=None, log_tries=3, requested_autostop_minutes=None),
        up(JobState.SUCCEEDED),
        70,
        DownloadCheckpoint(at(3600)),
        id="first seen after its end, its log unreadable: its cluster is asked",
    ),
    pytest.param(
        unread(running_at=None, job=None, log_tries=3),
        None,
        1,
        DownloadCheckpoint(at(3600)),
        id="nor does a failed look end that",
    ),
    pytest.param(
        unread(running_at=None, job=None, reason=Reason.STOPPED),
        up(JobState.SETTING_UP),
        1,
        SaveLog(),
        id="stopped before it trained: its log",
    ),
    pytest.param(
        unread(running_at=None, job=JobState.SETTING_UP, reason=Reason.STOPPED, log_saved_at=NOON),
        up(JobState.SETTING_UP),
        1,
        RequestTeardown(),
        id="and its cluster goes unasked",
    ),
    pytest.param(
        unread(running_at=None, job=None, reason=Reason.LEASE_EXPIRED),
        up(),
        1,
        RecordObservation(up()),
        id="trained while the bot was away",
    ),
    pytest.param(
        unread(outage=Outage(at(-60))),
        up(JobState.SUCCEEDED),
        1,
        RecordObservation(up(JobState.SUCCEEDED)),
        id="a silence that is over",
    ),
    pytest.param(
        kept(started_at=NOON, abandoned_at=NOON),
        up(),
        1,
        FindDownloadedCheckpoint(),
        id="our disk is asked before it goes",
    ),
    pytest.param(
        kept(started_at=NOON, discard_approved_by="U"),
        up(),
        1,
        FindDownloadedCheckpoint(),
        id="whoever has said that it may be lost",
    ),
    pytest.param(
        kept(started_at=NOON, discard_approved_by="U", local_copy_checked_at=at(1)),
        up(),
        2,
        RequestTeardown(),
        id="and then it goes, for nothing is there",
    ),
    pytest.param(
        kept(
            started_at=NOON,
            discard_approved_by="U",
            local_copy_checked_at=at(1),
            teardown_requested_at=at(2),
            pending_confirmation=ABSENT,
        ),
        GONE,
        9,
        FindDownloadedCheckpoint(),
        id="asked once more when it is gone",
    ),
    pytest.param(
        kept(
            started_at=NOON,
            discard_approved_by="U",
            local_copy_checked_at=at(9),
            teardown_requested_at=at(2),
            pending_confirmation=ABSENT,
        ),
        GONE,
        9,
        Close(Reason.SUCCEEDED),
        id="and then it is told",
    ),
    pytest.param(kept(started_at=NOON), up(), 43200, FindDownloadedCheckpoint(), id="before it is given up too"),
    pytest.param(
        kept(started_at=NOON, local_copy_checked_at=at(9)), up(), 43200, AbandonCheckpoint(), id="and then it is"
    ),
    # over, and forgotten by its cloud: a checkpoint is possible, though none is known
    pytest.param(unread(**UNNAMED), NOTHING, 1, None, id="forgotten: its unread log may name a model"),
    pytest.param(unread(**UNNAMED, log_saved_at=NOON), NOTHING, 1, None, id="forgotten: its read log may have gaps"),
    pytest.param(unread(**UNNAMED), NOTHING, 43199, None, id="forgotten: its search may wait to its lease's end"),
    pytest.param(unread(**UNNAMED), NOTHING, 43200, RequestTeardown(), id="forgotten: and no longer"),
    pytest.param(
        unread(**UNNAMED, teardown_requested_at=at(43200)),
        NOTHING,
        43260,
        RequestTeardown(),
        id="forgotten: again and again",
    ),
    pytest.param(
        unread(**UNNAMED | {"reason": Reason.BUDGET_EXCEEDED}), NOTHING, 1, None, id="forgotten: its budget is spent"
    ),
    pytest.param(
        unread(**UNNAMED | {"reason": Reason.LEASE_EXPIRED}, lease=timedelta()),
        NOTHING,
        3599,
        None,
        id="forgotten: after its lease's end for the fetch grace",
    ),
    pytest.param(
        unread(**UNNAMED | {"reason": Reason.LEASE_EXPIRED}, lease=timedelta()),
        NOTHING,
        3600,
        RequestTeardown(),
        id="forgotten: and not paid for any longer",
    ),
    pytest.param(unread(**UNSTEPPED), NOTHING, 3599, None, id="forgotten: without a step for the fetch grace"),
    pytest.param(unread(**UNSTEPPED), NOTHING, 3600, RequestTeardown(), id="forgotten: though its lease goes on"),
    pytest.param(
        unread(**UNNAMED | {"memory": CloudMemory(cluster_id="9f")}),
        NOTHING,
        1,
        wonder(Ambiguity.FORGOTTEN, 1, 1),
        id="forgotten: at the first look too",
    ),
    pytest.param(unread(**UNNAMED), up(), 1, RecordObservation(up()), id="forgotten: and remembered"),
    pytest.param(
        unread(**UNNAMED, log_saved_at=NOON).record_observation(up(autostop_minutes=15), at(60)),
        up(autostop_minutes=15),
        61,
        DownloadCheckpoint(at(43200)),
        id="forgotten: once remembered its cluster is asked",
    ),
    # and where none is possible, or none is wanted
    pytest.param(
        unread(**UNNAMED, checkpoints_ephemeral=False),
        NOTHING,
        1,
        RequestTeardown(),
        id="forgotten: its model is in a volume",
    ),
    pytest.param(
        unread(**UNNAMED, checkpoint_folder=""), NOTHING, 1, RequestTeardown(), id="forgotten: its recipe saves none"
    ),
    pytest.param(
        unread(**UNNAMED, managed=True), NOTHING, 1, RequestTeardown(), id="forgotten: its machines go by themselves"
    ),
    pytest.param(
        unread(**UNSTEPPED, log_saved_at=NOON), NOTHING, 1, RequestTeardown(), id="forgotten: its whole log has no step"
    ),
    pytest.param(
        unread(**UNSTEPPED | {"running_at": None, "job": JobState.SETTING_UP}),
        NOTHING,
        1,
        RequestTeardown(),
        id="forgotten: it has not trained",
    ),
    pytest.param(
        unread(**UNNAMED, checkpoint_rescue=CheckpointRescue(discard_approved_by="U", discard_approved_at=NOON)),
        NOTHING,
        1,
        RequestTeardown(),
        id="forgotten: a person lets it go",
    ),
    pytest.param(
        unread(**UNNAMED | {"memory": CloudMemory(cluster_id="9f")}, checkpoint_folder=""),
        NOTHING,
        1,
        wonder(Ambiguity.FORGOTTEN, 1, 1),
        id="forgotten: no removal is asked for before that is confirmed",
    ),
    pytest.param(
        change_run(kept(started_at=NOON), memory=replace(FORGOTTEN, confirmed_gone_by="U")),
        NOTHING,
        9,
        FindDownloadedCheckpoint(),
        id="forgotten: our disk is asked before a person's word counts",
    ),
    pytest.param(
        change_run(
            kept(started_at=NOON, local_copy_checked_at=at(9)), memory=replace(FORGOTTEN, confirmed_gone_by="U")
        ),
        NOTHING,
        10,
        Close(Reason.SUCCEEDED),
        id="forgotten: and then it is told",
    ),
    pytest.param(
        change_run(kept(started_at=NOON), memory=FORGOTTEN),
        NOTHING,
        43200,
        FindDownloadedCheckpoint(),
        id="forgotten: our disk is asked before its removal",
    ),
    # ended
    pytest.param(stopping(status=RunStatus.ENDED), up(), 1, None, id="an ended run is left alone"),
]


@pytest.mark.parametrize(("run", "seen", "seconds", "action"), CASES)
def test_decide(run: Run, seen: Observation | None, seconds: float, action: Action | None) -> None:
    assert decide(run, seen, at(seconds), RULES) == action


@pytest.mark.parametrize(("run", "seen", "seconds", "action"), CASES)
def test_decide_is_equal_under_any_language(
    run: Run, seen: Observation | None, seconds: float, action: Action | None
) -> None:
    for language in LANGUAGES:
        with use_language(language):
            assert decide(run, seen, at(seconds), RULES) == action


def test_no_single_look_ends_a_run_whose_cluster_may_stand() -> None:
    """Whatever a look shows: with nothing wondered about before, nothing is declared gone or asked for again."""
    looks = [
        Observation(request=request, cluster=cluster, job=job)
        for request in RequestState
        for cluster in ClusterState
        for job in (None, *JobState)
    ]
    asked = [status for status in RunStatus if status not in (RunStatus.AWAITING_APPROVAL, RunStatus.PENDING)]
    runs = [make(status=status) for status in asked for make in (launching, running, stopping)]
    for run, seen in product(runs, looks):
        action = decide(run, seen, at(10), RULES)
        assert not isinstance(action, Close | Provision), (run.status, seen)


@pytest.mark.parametrize(
    ("planned", "is_first"), [pytest.param("", True, id="unknown"), pytest.param("k8s", False, id="as planned")]
)
def test_where_a_run_is_is_recorded_before_its_end(planned: str, is_first: bool) -> None:
    """A setup that fails in the first look would otherwise be counted at no place."""
    run = launching(infra=planned)
    assert must_record_first(run, up(JobState.FAILED_SETUP, infra="this machine")) is is_first
