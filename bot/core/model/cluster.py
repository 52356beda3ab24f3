"""A cluster as one look shows it, its autostop, and whether its cloud remembers what it has shown. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from bot.core.model.money import Bill
from bot.phrase import Text


class RequestState(StrEnum):
    """The state of the newest launch request for a cluster's name.

    NONE is also the answer of a server that has forgotten its requests, as SkyPilot's does at a restart.
    """

    NONE = "none"
    LIVE = "live"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ClusterState(StrEnum):
    """The state in SkyPilot's record of a cluster; ABSENT means no record, which does not prove that the cluster is
    gone.
    """

    ABSENT = "absent"
    INIT = "init"
    UP = "up"
    STOPPED = "stopped"
    AUTOSTOPPING = "autostopping"


class JobState(StrEnum):
    """SkyPilot's job states (sky/skylet/job_lib.py, JobStatus)."""

    INIT = "init"
    PENDING = "pending"
    SETTING_UP = "setting_up"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_SETUP = "failed_setup"
    FAILED_DRIVER = "failed_driver"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """Return whether the job is in a final state."""
        return self not in (JobState.INIT, JobState.PENDING, JobState.SETTING_UP, JobState.RUNNING)


class Ending(StrEnum):
    """The way a cluster ended, by its last event: the confirmation that it is gone."""

    DOWNED = "downed"  # by a `down` of the bot or of a person
    AUTODOWNED = "autodowned"  # by its own autostop
    LOST = "lost"  # its machines were lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The outside world as one look showed it.

    Attributes:
        request: the newest launch request.
        cluster: the cluster's record.
        job: the run's job, or None if the cluster has none. If a cluster cannot be queried for its job, there is no
            observation at all.
        job_id: its number on the cluster.
        error: why the launch, or else the job, failed: a sentence for people.
        ending: how the cluster ended, once its events show it.
        infra: where it runs, in words for people; empty while unknown.
        autostop_minutes: idle minutes after which the cluster removes itself; None for never.
        unhealthy: why SkyPilot considers a cluster broken that was up: a sentence; None if it does not.
        bill: the cost of the cluster as the provider reports it; None if unknown.
        recovering: whether the cloud is relaunching it because its machines were lost; recoveries: how often it has.
        keeps_log: whether its log can be read although its cluster is gone.
        cluster_id: the cloud's own id of the cluster, as in its list of clusters; empty if it shows none.
        server: identity of the memory behind the observation: it survives a restart of a server, and differs if its
            database is new, or if another server answers. Empty if unknown.
    """

    request: RequestState = RequestState.NONE
    cluster: ClusterState = ClusterState.ABSENT
    job: JobState | None = None
    job_id: int | None = None
    error: Text | None = None
    ending: Ending | None = None
    infra: str = ""
    autostop_minutes: int | None = None
    unhealthy: Text | None = None
    bill: Bill | None = None
    recovering: bool = False
    recoveries: int = 0
    keeps_log: bool = False
    cluster_id: str = ""
    server: str = ""

    @property
    def is_empty(self) -> bool:
        """Return whether no cluster exists and no launch is under way."""
        return self.cluster is ClusterState.ABSENT and self.request is not RequestState.LIVE


class Ambiguity(StrEnum):
    """An ambiguity that an observation may show and only a later one can explain."""

    ABSENT = "absent"  # no cluster and no launch in progress: gone, or not created yet, or the record was dropped
    JOBLESS = "jobless"  # the cluster exists, its launch has ended or is forgotten, and it has no job
    FORGOTTEN = "forgotten"  # no trace of what was observed before: the cloud lost its memory, or another answers
    UNHEALTHY = "unhealthy"  # a node is gone, or cannot be reached now


@dataclass(frozen=True, slots=True)
class PendingConfirmation:
    """An ambiguity that every observation from `since` to `last` has shown; `detail` is what the last one showed.

    Attributes:
        gaps: number of gaps, each too long to show that the ambiguity lasted, after which an observation showed it
            again, and none between showed another thing.
    """

    ambiguity: Ambiguity
    since: datetime
    last: datetime
    detail: Text | None = None
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the cloud did not answer; without `until`, it still does not."""

    since: datetime
    until: datetime | None = None


DEFAULT_MINUTES = 15
"""Idle minutes of a recipe that does not set an autostop."""

MINUTES_PER_UNIT = {"": 1, "m": 1, "h": 60, "d": 1440, "w": 10080}
"""Minutes of each of SkyPilot's time units (sky/skylet/constants.py, TIME_UNITS)."""


@dataclass(frozen=True, slots=True)
class AutostopSetting:
    """An autostop that was set.

    Attributes:
        request_id: the cloud's name of the request, which distinguishes the bot's settings from those of others.
        by: who changed it before, by the cloud's name; None if the cloud does not say.
    """

    request_id: str
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AutostopRepair:
    """The repair of an autostop that was observed other than the task requests.

    Attributes:
        since: when it was first observed so; identifies this change.
        observed_minutes: idle minutes that the cluster had instead; None for no autostop.
        was_set: whether it had been observed as requested before.
        tried_at: when the bot last set it again.
        setting: the last setting that the cloud accepted; earlier_request_id: the bot's own request before this change.
        refusal: why this cluster cannot have an autostop, a sentence.
        repaired_at: when it was observed as requested again.
    """

    since: datetime
    observed_minutes: int | None
    was_set: bool
    tried_at: datetime
    setting: AutostopSetting | None = None
    refusal: Text | None = None
    repaired_at: datetime | None = None
    earlier_request_id: str | None = None

    @property
    def request_id(self) -> str | None:
        """Return the request id of the bot's last setting, so that the bot's own change is not blamed on a person."""
        return self.setting.request_id if self.setting else self.earlier_request_id

    @property
    def is_finished(self) -> bool:
        """Return whether the repair needs no more tries: the autostop is as requested, or never can be."""
        return self.repaired_at is not None or self.refusal is not None

    def record_observation(self, as_requested: bool, now: datetime) -> Self:
        """Record an observation; the first that shows the autostop as requested finishes the repair."""
        return replace(self, repaired_at=now) if as_requested and not self.is_finished else self

    def record_setting(self, setting: AutostopSetting) -> Self:
        """Record a setting that the cloud accepted.

        The first setting after a change names who made it; a later one would name the bot.
        """
        by = self.setting.by if self.setting else setting.by
        return replace(self, setting=AutostopSetting(setting.request_id, by))

    def record_refusal(self, why: Text) -> Self:
        """Record why the cluster cannot have an autostop."""
        return replace(self, refusal=why)


def begin_repair(
    before: AutostopRepair | None, observed_minutes: int | None, was_set: bool, now: datetime
) -> AutostopRepair:
    """Return the repair with one more try: of the same change while it is not repaired, or of a new one."""
    if before and not before.is_finished:
        return replace(before, observed_minutes=observed_minutes, tried_at=now)
    # A repair that succeeded has shown the cluster as requested, so this is a new change.
    was_repaired = before is not None and before.repaired_at is not None
    earlier = before.request_id if before else None
    return AutostopRepair(
        since=now,
        observed_minutes=observed_minutes,
        was_set=was_set or was_repaired,
        tried_at=now,
        earlier_request_id=earlier,
    )


def read_idle_minutes(task: Mapping[str, Any]) -> int | None:
    """Return the idle minutes after which the task wants its cluster removed; None if it wants the cluster kept.

    >>> [read_idle_minutes({"resources": {"autostop": asked}}) for asked in ({"idle_minutes": 5}, 0, "2h", True, False)]
    [5, 1, 120, 15, None]
    >>> read_idle_minutes({})
    15
    """
    autostop = (task.get("resources") or {}).get("autostop")
    if isinstance(autostop, Mapping):
        autostop = autostop.get("idle_minutes")
    # `autostop: false` keeps the cluster; `true`, or no setting, means DEFAULT_MINUTES.
    if autostop is False:
        return None
    return DEFAULT_MINUTES if autostop is None or autostop is True else max(parse_minutes(str(autostop)), 1)


def parse_minutes(text: str) -> int:
    """Return a duration in minutes as SkyPilot parses it; DEFAULT_MINUTES if SkyPilot could not.

    >>> parse_minutes("90"), parse_minutes("2h"), parse_minutes("soon")
    (90, 120, 15)
    """
    matched = re.fullmatch(r"(\d{1,9})([mhdw]?)", text.strip().lower())
    return int(matched[1]) * MINUTES_PER_UNIT[matched[2]] if matched else DEFAULT_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMemory:
    """What a cloud has shown of a run's cluster, and whether it still knows that.

    Attributes:
        cluster_id: the cloud's own id of the cluster, as last shown; empty where none was.
        server: identity of the server state in which the cluster was last requested; see `Observation`.
        loss: when the cloud was found to have lost the cluster's record, and when it had it again; None where it always
            had it.
        confirmed_gone_by: Slack's id of the person who has checked by hand in the meantime, and confirmed that the
            machines are gone.
    """

    cluster_id: str = ""
    server: str = ""
    loss: Outage | None = None
    confirmed_gone_by: str | None = None

    @property
    def is_lost(self) -> bool:
        """Return whether the cloud does not know the cluster now, so that its absence proves nothing."""
        return self.loss is not None and self.loss.until is None

    def record_request(self, server: str) -> Self:
        """Return the memory after the cluster was requested from a server of that identity."""
        return replace(self, server=server or self.server)

    def record_observation(self, observation: Observation, now: datetime) -> Self:
        """Return the memory after an observation by a cloud that knows the cluster, which ends a loss."""
        loss = replace(self.loss, until=now) if self.loss and self.is_lost else self.loss
        return replace(self, cluster_id=observation.cluster_id or self.cluster_id, loss=loss, confirmed_gone_by=None)

    def record_loss(self, now: datetime) -> Self:
        """Return the memory after a look found that the cloud does not know the cluster."""
        return self if self.is_lost else replace(self, loss=Outage(now))

    def confirm_gone(self, by: str) -> Self:
        """Return the memory with a person's confirmation that the machines are gone.

        It counts while the cloud cannot show whether they are.
        """
        return replace(self, confirmed_gone_by=self.confirmed_gone_by or by) if self.is_lost else self


def is_forgotten(was_shown: bool, server: str, observation: Observation) -> bool:
    """Return whether an observation without the cluster comes from a cloud that has lost the cluster's record.

    SkyPilot never deletes a cluster from its history (0.14.1, table `cluster_history`), so a cluster that it has shown
    once is shown again, or its ending is. Neither means that the database was lost, or that another server answers.

    Args:
        was_shown: whether an earlier observation has shown the cluster, its job or its bill.
        server: identity of the server state in which the cluster was requested; empty where nothing was requested, or
            it is not known.
    """
    # A cluster or its recorded ending proves that the cloud remembers.
    if not observation.is_empty or observation.ending is not None:
        return False
    if observation.request in (
        RequestState.FAILED,
        RequestState.CANCELLED,
    ):  # a server that knows how the launch ended has received it
        return was_shown
    return was_shown or (server != "" and observation.server not in ("", server))
