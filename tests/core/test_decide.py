from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from bot.core.action import (
    Action,
    Alarm,
    Ask,
    End,
    FetchModel,
    Finish,
    Look,
    LoseModel,
    PutOffAutostop,
    RecallModel,
    SaveLog,
    SetAutostop,
    TearDown,
    Wonder,
)
from bot.core.autostop import Mending
from bot.core.decide import decide
from bot.core.doubt import Doubt, Outage, Puzzle
from bot.core.keeping import Keeping
from bot.core.money import Rate
from bot.core.progress import Progress
from bot.core.rules import Rules
from bot.core.run import Run
from bot.core.seen import Cluster, Ending, Job, Request, Seen
from bot.core.status import Reason, Status
from tests.builders import GONE, NOON, NOTHING, PROVISIONING, a_run, at, launching, running, up

RULES = Rules(
    ask_again=timedelta(seconds=30),
    most_asks=3,
    gone=timedelta(seconds=5),
    down_again=timedelta(seconds=60),
    log_tries=3,
)
ABSENT = Doubt(Puzzle.ABSENT, NOON, NOON)
LOST = Seen(ending=Ending.LOST)
JOBLESS = Doubt(Puzzle.JOBLESS, NOON, NOON)


def wonder(puzzle: Puzzle, since: float, last: float) -> Wonder:
    return Wonder(Doubt(puzzle, at(since), at(last)))


def stopping(**changes: Any) -> Run:
    """Over at noon, its last lines kept."""
    over = {"status": Status.STOPPING, "reason": Reason.SUCCEEDED, "over_at": NOON, "log_saved_at": NOON}
    return running(**over | changes)


def never_shown(**changes: Any) -> Run:
    """Asked for and stopped at noon; no look has shown its cluster."""
    return launching(**{"status": Status.STOPPING, "reason": Reason.STOPPED, "over_at": NOON} | changes)


def guarded(**changes: Any) -> Run:
    """Running, with the autostop that it asked for as far as the record knows."""
    return running(**{"autostop_asked": 15, "autostop_minutes": 15} | changes)


def mending(**changes: Any) -> Mending:
    """Of an autostop that was found cancelled at noon, and set again at once."""
    return Mending(**{"since": NOON, "found": None, "was_set": True, "tried_at": NOON} | changes)


MODEL = Progress(step=21, checkpoint="~/checkpoints/ppo-7f3a/global_step_20", checkpoint_step=20)
TIMES = ("log_saved_at", "downed_at", "doubt")


def unread(**changes: Any) -> Run:
    """Over at noon, its last lines not read; its recipe saves to its own disk alone."""
    known = {"log_saved_at": None, "model_dies": True, "checkpoints": "~/checkpoints", "autostop_asked": 15}
    trained = {} if "running_at" in changes else {"progress": MODEL}
    return stopping(**known | trained | changes)


def kept(**changes: Any) -> Run:
    """The same, with what has been done for its model; where that has begun, its last lines are read."""
    own = {name: value for name, value in changes.items() if name in TIMES}
    read = {"log_saved_at": NOON} if "began_at" in changes else {}
    keeping = Keeping(**{name: value for name, value in changes.items() if name not in TIMES})
    return unread(keeping=keeping, **read | own)


CASES = [
    # a wish
    pytest.param(a_run(), NOTHING, 0, Ask(), id="a new run asks for its cluster"),
    pytest.param(a_run(), None, 0, None, id="nothing is launched blindly"),
    pytest.param(a_run(stop_requested_by="U"), NOTHING, 0, End(Reason.STOPPED), id="stopped before it was asked for"),
    pytest.param(a_run(stop_requested_by="U"), None, 0, End(Reason.STOPPED), id="stopped before, and nobody answers"),
    # launching
    pytest.param(launching(), PROVISIONING, 0, None, id="waits for the cluster"),
    pytest.param(launching(), NOTHING, 1, wonder(Puzzle.ABSENT, 1, 1), id="no trace yet"),
    pytest.param(launching(doubt=ABSENT), NOTHING, 29, wonder(Puzzle.ABSENT, 0, 29), id="no trace for a while"),
    pytest.param(launching(doubt=ABSENT), NOTHING, 30, Ask(), id="no trace for long enough: asked again"),
    pytest.param(
        launching(doubt=ABSENT, asks=3),
        NOTHING,
        30,
        Finish(Reason.LAUNCH_FAILED, "It was asked for 3 times, and no cluster of its name has appeared."),
        id="asked for often enough",
    ),
    pytest.param(launching(doubt=JOBLESS), NOTHING, 30, wonder(Puzzle.ABSENT, 30, 30), id="another puzzle begins anew"),
    pytest.param(launching(), up(None), 1, wonder(Puzzle.JOBLESS, 1, 1), id="a cluster without a job"),
    pytest.param(
        launching(doubt=JOBLESS),
        up(None),
        30,
        Finish(Reason.LAUNCH_FAILED, "The cluster came up and was given no job."),
        id="a cluster that gets no job",
    ),
    pytest.param(launching(), up(None, request=Request.LIVE), 99, None, id="the job is still on its way"),
    pytest.param(
        launching(),
        Seen(request=Request.FAILED, error="no H100"),
        1,
        Finish(Reason.LAUNCH_FAILED, "no H100"),
        id="refused by the cloud",
    ),
    pytest.param(
        launching(),
        Seen(request=Request.FAILED, cluster=Cluster.INIT, error="no"),
        1,
        Finish(Reason.LAUNCH_FAILED, "no"),
        id="failed, and left something standing",
    ),
    pytest.param(
        launching(),
        Seen(request=Request.CANCELLED),
        1,
        Finish(Reason.CANCELLED_OUTSIDE, "Its launch was cancelled outside of verlbot."),
        id="cancelled by somebody else",
    ),
    pytest.param(launching(), up(Job.SETTING_UP), 1, Look(up(Job.SETTING_UP)), id="sets up"),
    pytest.param(launching(), up(), 1, Look(up()), id="trains"),
    pytest.param(launching(), up(Job.SUCCEEDED), 1, Finish(Reason.SUCCEEDED), id="was quicker than the looks"),
    pytest.param(
        launching(stop_requested_by="U"), PROVISIONING, 1, Finish(Reason.STOPPED), id="stopped while launching"
    ),
    pytest.param(launching(stop_requested_by="U"), None, 1, Finish(Reason.STOPPED), id="stopped while nobody answers"),
    pytest.param(
        launching(), replace(GONE, ending=Ending.LOST), 1, wonder(Puzzle.ABSENT, 1, 1), id="gone before it was seen"
    ),
    pytest.param(
        launching(doubt=ABSENT),
        replace(GONE, ending=Ending.LOST),
        5,
        Finish(Reason.CLUSTER_LOST),
        id="it was there: not asked again",
    ),
    # running
    pytest.param(running(), up(), 1, None, id="nothing new"),
    pytest.param(running(), None, 1, None, id="nobody answers"),
    pytest.param(running(), up(autostop_minutes=5), 1, Look(up(autostop_minutes=5)), id="autostop as it is"),
    pytest.param(running(outage=Outage(NOON)), up(), 1, Look(up()), id="seen again"),
    pytest.param(
        running(),
        up(Job.FAILED, unhealthy="A node is gone."),
        1,
        Finish(Reason.CLUSTER_LOST, "A node is gone."),
        id="its job failed on a broken cluster",
    ),
    pytest.param(running(), up(Job.SUCCEEDED), 1, Finish(Reason.SUCCEEDED), id="succeeded"),
    pytest.param(running(), up(Job.FAILED, error="code 3"), 1, Finish(Reason.FAILED, "code 3"), id="failed"),
    pytest.param(running(), up(Job.FAILED_SETUP, error="7"), 1, Finish(Reason.SETUP_FAILED, "7"), id="setup failed"),
    pytest.param(running(), up(Job.FAILED_DRIVER), 1, Finish(Reason.DRIVER_DIED), id="driver died"),
    pytest.param(running(), up(Job.CANCELLED), 1, Finish(Reason.CANCELLED_OUTSIDE), id="cancelled by somebody else"),
    pytest.param(
        running(stop_requested_by="U"),
        up(Job.SUCCEEDED),
        1,
        Finish(Reason.SUCCEEDED),
        id="what happened comes before a wish",
    ),
    pytest.param(running(stop_requested_by="U"), up(), 1, Finish(Reason.STOPPED), id="stopped"),
    pytest.param(running(), LOST, 1, wonder(Puzzle.ABSENT, 1, 1), id="gone at one look"),
    pytest.param(running(doubt=ABSENT), LOST, 5, Finish(Reason.CLUSTER_LOST), id="gone, twice and confirmed"),
    pytest.param(running(doubt=ABSENT), LOST, 46, wonder(Puzzle.ABSENT, 46, 46), id="nobody looked in between"),
    pytest.param(running(doubt=ABSENT), up(), 40, Look(up()), id="a dropped record that is back"),
    pytest.param(running(doubt=ABSENT), GONE, 4, wonder(Puzzle.ABSENT, 0, 4), id="two looks too close together"),
    pytest.param(running(doubt=ABSENT), GONE, 5, Finish(Reason.DOWNED_OUTSIDE), id="removed behind our back"),
    pytest.param(
        running(doubt=ABSENT), Seen(ending=Ending.AUTODOWNED), 5, Finish(Reason.AUTODOWNED), id="removed by autostop"
    ),
    pytest.param(
        running(),
        Seen(cluster=Cluster.STOPPED),
        1,
        Finish(Reason.CANCELLED_OUTSIDE, "Its cluster was stopped outside of verlbot."),
        id="stopped, and its disks bill",
    ),
    pytest.param(running(), Seen(cluster=Cluster.AUTOSTOPPING), 1, None, id="removing itself"),
    pytest.param(running(lease=timedelta(hours=1)), up(), 3600, Finish(Reason.LEASE_OVER), id="its lease is over"),
    pytest.param(
        running(lease=timedelta(hours=1)), None, 3600, Finish(Reason.LEASE_OVER), id="its lease is over, unseen"
    ),
    pytest.param(
        running(rate=Rate(4, "x"), budget_dollars=1.0), up(), 901, Finish(Reason.OVER_BUDGET), id="its budget is spent"
    ),
    pytest.param(running(rate=None, budget_dollars=1.0), up(), 9999, None, id="nobody knows what it costs"),
    # autostop
    pytest.param(guarded(), up(autostop_minutes=15), 1, None, id="guarded as asked for"),
    pytest.param(guarded(), up(), 1, SetAutostop(15, None), id="its autostop was cancelled"),
    pytest.param(guarded(), up(autostop_minutes=600), 1, SetAutostop(15, 600), id="its autostop was changed"),
    pytest.param(guarded(autostop_asked=None), up(), 1, Look(up()), id="no autostop was asked for"),
    pytest.param(
        guarded(job=None), up(), 1, Look(up()), id="its job is seen for the first time, its autostop as before"
    ),
    pytest.param(
        guarded(),
        Seen(cluster=Cluster.INIT, job=Job.RUNNING),
        1,
        Look(Seen(cluster=Cluster.INIT, job=Job.RUNNING)),
        id="what is not up takes no autostop",
    ),
    pytest.param(guarded(), up(request=Request.LIVE), 1, Look(up(request=Request.LIVE)), id="a launch is under way"),
    pytest.param(guarded(autostop_minutes=None, mending=mending()), up(), 59, None, id="set a moment ago"),
    pytest.param(guarded(autostop_minutes=None, mending=mending()), up(), 60, SetAutostop(15, None), id="set in vain"),
    pytest.param(
        guarded(autostop_minutes=None, mending=mending(refused="no")), up(), 999, None, id="it cannot have one"
    ),
    pytest.param(guarded(mending=mending(mended_at=at(9))), up(), 60, SetAutostop(15, None), id="cancelled once more"),
    pytest.param(guarded(), up(Job.SUCCEEDED), 1, Finish(Reason.SUCCEEDED), id="what is over needs no autostop"),
    # stopping
    pytest.param(stopping(log_saved_at=None), up(Job.SUCCEEDED), 1, SaveLog(), id="last lines first"),
    pytest.param(stopping(log_saved_at=None, log_tries=3), up(Job.FAILED), 1, TearDown(), id="no last lines to be had"),
    pytest.param(stopping(log_saved_at=None), PROVISIONING, 1, TearDown(), id="no job, no lines"),
    pytest.param(stopping(log_saved_at=None), None, 1, SaveLog(), id="one failed look takes no last lines away"),
    pytest.param(stopping(log_saved_at=None, log_tries=1, log_tried_at=NOON), None, 9, None, id="nor does the next"),
    pytest.param(
        stopping(log_saved_at=None, log_tries=3), None, 60, TearDown(), id="but for ever they are not waited for"
    ),
    pytest.param(stopping(), None, 1, TearDown(), id="removed though nobody answers"),
    pytest.param(
        launching(status=Status.STOPPING, reason=Reason.STOPPED, over_at=NOON),
        None,
        1,
        TearDown(),
        id="no job was seen",
    ),
    pytest.param(
        stopping(log_saved_at=None, log_tries=1, log_tried_at=NOON, outage=Outage(NOON, at(3))),
        up(Job.SUCCEEDED),
        4,
        SaveLog(),
        id="asked again once the silence is over",
    ),
    pytest.param(stopping(), up(), 1, TearDown(), id="removed"),
    pytest.param(stopping(downed_at=NOON), up(), 59, None, id="being removed"),
    pytest.param(stopping(downed_at=NOON), up(), 60, TearDown(), id="removed again"),
    pytest.param(stopping(downed_at=at(3600)), up(), 5, TearDown(), id="removed by a clock that was ahead"),
    pytest.param(
        running(doubt=Doubt(Puzzle.ABSENT, at(3600), at(3600))),
        LOST,
        5,
        wonder(Puzzle.ABSENT, 5, 5),
        id="doubted by a clock that was ahead",
    ),
    pytest.param(stopping(downed_at=at(590)), up(), 599, None, id="still being removed"),
    pytest.param(stopping(downed_at=at(590)), up(), 600, Alarm(), id="it does not go"),
    pytest.param(stopping(downed_at=at(590)), None, 600, Alarm(), id="it does not go, and nobody answers"),
    pytest.param(stopping(downed_at=at(590), alarmed_at=at(600)), up(), 601, None, id="it was told of"),
    pytest.param(
        stopping(doubt=Doubt(Puzzle.ABSENT, at(590), at(595))), GONE, 600, End(Reason.SUCCEEDED), id="gone at last"
    ),
    pytest.param(stopping(downed_at=NOON, doubt=ABSENT), up(), 9, Look(up()), id="stands after all"),
    pytest.param(stopping(downed_at=NOON), GONE, 1, wonder(Puzzle.ABSENT, 1, 1), id="gone at one look is not gone"),
    pytest.param(stopping(doubt=ABSENT), GONE, 5, End(Reason.SUCCEEDED), id="gone, twice and confirmed"),
    pytest.param(never_shown(doubt=ABSENT), NOTHING, 99, TearDown(), id="a launch that left no trace may still arrive"),
    pytest.param(
        never_shown(downed_at=NOON, doubt=ABSENT),
        NOTHING,
        29,
        wonder(Puzzle.ABSENT, 0, 29),
        id="no trace, twice, and nothing confirms it",
    ),
    pytest.param(
        never_shown(downed_at=NOON, doubt=ABSENT), NOTHING, 30, End(Reason.STOPPED), id="no trace for long enough"
    ),
    pytest.param(
        never_shown(downed_at=NOON, doubt=ABSENT),
        Seen(request=Request.FAILED),
        5,
        End(Reason.STOPPED),
        id="never stood",
    ),
    pytest.param(stopping(), PROVISIONING, 1, TearDown(), id="a launch under way is called off"),
    # over, and its model is on its cluster alone
    pytest.param(
        unread(), up(Job.SUCCEEDED), 1, PutOffAutostop(at(43200)), id="its autostop is put off before its log is read"
    ),
    pytest.param(unread(reason=Reason.STOPPED), up(), 1, SaveLog(), id="a job that runs keeps its cluster from going"),
    pytest.param(kept(held_until=at(43200)), up(Job.SUCCEEDED), 1, SaveLog(), id="which was done"),
    pytest.param(kept(hold_tried_at=NOON), up(Job.SUCCEEDED), 59, SaveLog(), id="which has failed a moment ago"),
    pytest.param(
        kept(hold_tried_at=NOON), up(Job.SUCCEEDED), 60, PutOffAutostop(at(43200)), id="which is tried once more"
    ),
    pytest.param(
        unread(autostop_asked=None), up(Job.SUCCEEDED), 1, SaveLog(), id="without an autostop there is none to put off"
    ),
    pytest.param(
        unread(running_at=None, job=None, log_tries=3, autostop_asked=None),
        up(Job.SUCCEEDED),
        70,
        FetchModel(at(3600)),
        id="first seen after its end, its log unreadable: its cluster is asked",
    ),
    pytest.param(
        unread(running_at=None, job=None, log_tries=3),
        None,
        1,
        FetchModel(at(3600)),
        id="nor does a failed look end that",
    ),
    pytest.param(
        unread(running_at=None, job=None, reason=Reason.STOPPED),
        up(Job.SETTING_UP),
        1,
        SaveLog(),
        id="stopped before it trained: its log",
    ),
    pytest.param(
        unread(running_at=None, job=Job.SETTING_UP, reason=Reason.STOPPED, log_saved_at=NOON),
        up(Job.SETTING_UP),
        1,
        TearDown(),
        id="and its cluster goes unasked",
    ),
    pytest.param(
        unread(running_at=None, job=None, reason=Reason.LEASE_OVER),
        up(),
        1,
        Look(up()),
        id="trained while the bot was away",
    ),
    pytest.param(
        unread(outage=Outage(at(-60))), up(Job.SUCCEEDED), 1, Look(up(Job.SUCCEEDED)), id="a silence that is over"
    ),
    pytest.param(kept(began_at=NOON, given_up_at=NOON), up(), 1, RecallModel(), id="our disk is asked before it goes"),
    pytest.param(kept(began_at=NOON, lost_by="U"), up(), 1, RecallModel(), id="whoever has said that it may be lost"),
    pytest.param(
        kept(began_at=NOON, lost_by="U", recalled_at=at(1)),
        up(),
        2,
        TearDown(),
        id="and then it goes, for nothing is there",
    ),
    pytest.param(
        kept(began_at=NOON, lost_by="U", recalled_at=at(1), downed_at=at(2), doubt=ABSENT),
        GONE,
        9,
        RecallModel(),
        id="asked once more when it is gone",
    ),
    pytest.param(
        kept(began_at=NOON, lost_by="U", recalled_at=at(9), downed_at=at(2), doubt=ABSENT),
        GONE,
        9,
        End(Reason.SUCCEEDED),
        id="and then it is told",
    ),
    pytest.param(kept(began_at=NOON), up(), 43200, RecallModel(), id="before it is given up too"),
    pytest.param(kept(began_at=NOON, recalled_at=at(9)), up(), 43200, LoseModel(), id="and then it is"),
    # ended
    pytest.param(stopping(status=Status.ENDED), up(), 1, None, id="an ended run is left alone"),
]


@pytest.mark.parametrize(("run", "seen", "seconds", "action"), CASES)
def test_decide(run: Run, seen: Seen | None, seconds: float, action: Action | None) -> None:
    assert decide(run, seen, at(seconds), RULES) == action


def test_no_single_look_ends_a_run_whose_cluster_may_stand() -> None:
    """Whatever a look shows: with nothing wondered about before, nothing is declared gone or asked for again."""
    looks = [
        Seen(request=request, cluster=cluster, job=job)
        for request in Request
        for cluster in Cluster
        for job in (None, *Job)
    ]
    asked = [status for status in Status if status not in (Status.AWAITING_APPROVAL, Status.PENDING)]
    runs = [make(status=status) for status in asked for make in (launching, running, stopping)]
    for run, seen in product(runs, looks):
        action = decide(run, seen, at(10), RULES)
        assert not isinstance(action, End | Ask), (run.status, seen)
