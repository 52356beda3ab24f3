"""Rescue of a model from its cluster: the checkpoint to download, the progress, and what people have requested."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from bot.core.model.checkpoint_paths import CheckpointLayout, parse_step_number
from bot.core.model.run_state import Reason
from bot.errors import Unavailable
from bot.phrase import Phrase, Text

MAX_CANDIDATES = 8
"""Maximum checkpoints of one run that are examined for a complete one, newest first."""

MIN_TORN_OBSERVATIONS = 2
"""Looks that must find a checkpoint incomplete before an older one is taken: its writer may live some seconds longer.
"""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How much of a checkpoint has been downloaded.

    Attributes:
        folder: the folder on the bot's machine that it is downloaded to.
        downloaded_bytes: bytes downloaded so far.
        total_bytes: size of the checkpoint; None where that is not known.
        is_complete: whether all of it is downloaded.
        shard_folder: where its shards are, as trainers write them; empty where it has none.
    """

    folder: str
    downloaded_bytes: int = 0
    total_bytes: int | None = None
    is_complete: bool = False
    shard_folder: str = ""


@dataclass(frozen=True, slots=True)
class CheckpointListing:
    """The checkpoints of a run on its cluster, as one look shows them.

    Attributes:
        steps: steps of the checkpoints that are on any node.
        latest_step: the step that the trainer names as the newest complete one; None where no file names one.
    """

    steps: tuple[int, ...] = ()
    latest_step: int | None = None

    @property
    def candidates(self) -> tuple[int, ...]:
        """Return the steps that may be complete, newest first; as far as possible none above the one that is named.

        A trainer writes the name of a checkpoint last. Some programs name none; then each checkpoint may be complete.

        >>> (CheckpointListing((20, 40), 20).candidates, CheckpointListing((20, 40)).candidates,
        ...  CheckpointListing((20, 40), 30).candidates)
        ((20,), (40, 20), (20,))
        >>> CheckpointListing((40,), 20).candidates, CheckpointListing().candidates
        ((40,), ())
        """
        below = [step for step in self.steps if self.latest_step is None or step <= self.latest_step]
        return tuple(sorted(below or self.steps, reverse=True)[:MAX_CANDIDATES])

    @property
    def newest(self) -> int | None:
        """Return the step to download: the one that is named, or else the highest, because some programs name none.

        >>> (CheckpointListing((20, 40), 20).newest, CheckpointListing((20, 40)).newest,
        ...  CheckpointListing((40,), 20).newest, CheckpointListing().newest)
        (20, 40, 40, None)
        """
        return next(iter(self.candidates), None)

    @property
    def incomplete_steps(self) -> tuple[int, ...]:
        """Return the steps above the one that the trainer names: these checkpoints were begun, and not finished.

        >>> (CheckpointListing((20, 40), 20).incomplete_steps, CheckpointListing((20, 40)).incomplete_steps,
        ...  CheckpointListing((40,), 20).incomplete_steps)
        ((40,), (), ())
        """
        if self.latest_step is None or not any(step <= self.latest_step for step in self.steps):
            return ()
        return tuple(sorted((step for step in self.steps if step > self.latest_step), reverse=True)[:MAX_CANDIDATES])

    @classmethod
    def from_node(
        cls, names: Collection[str], latest_step_text: str, layout: CheckpointLayout, job_finished: bool = False
    ) -> Self:
        """Return the listing of one node.

        Args:
            names: names of all that is in the folder.
            latest_step_text: content of the file that names the newest checkpoint.
            layout: how the framework lays them out.
            job_finished: whether the job has finished, so that a file that names none will never name one: a full disk
                has truncated it.

        Raises:
            Unavailable: there is such a file, and it names none: it cannot be read, or is being written.
        """
        latest_step = parse_step_number(latest_step_text)
        # While the job runs, a file without a number is probably being written; a later look decides.
        if latest_step is None and layout.latest_file in names and not job_finished:
            raise Unavailable(Phrase("I cannot read which of its checkpoints is the newest."))
        return cls(
            tuple(sorted(step for name in names if (step := layout.parse_folder(name)) is not None)), latest_step
        )

    @classmethod
    def combine(cls, nodes: Iterable[Self]) -> Self:
        """Return the listing of all nodes together. The head node comes first; the trainer may be on any node."""
        listings = list(nodes)
        steps = {step for listing in listings for step in listing.steps}
        return cls(
            tuple(sorted(steps)),
            next((listing.latest_step for listing in listings if listing.latest_step is not None), None),
        )


@dataclass(frozen=True, slots=True)
class TornCheckpoint:
    """A checkpoint on the cluster that is not complete.

    Attributes:
        reason: why, as a sentence.
        observations: how many looks have found it incomplete.
    """

    step: int
    reason: Text
    observations: int = 1


@dataclass(frozen=True, slots=True)
class SaveGrace:
    """The time until which a run that is about to end, for that reason, may still save a checkpoint."""

    reason: Reason
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRescue:
    """What is done so that the model survives its machine.

    Attributes:
        is_save_requested: whether a person wants a checkpoint saved before the run is stopped.
        job_cancelled_at: when the job was cancelled.
        cancel_failed_at: when cancelling it last failed.
        no_checkpoint_at: when the cluster was found to have no checkpoint at all.
        discard_approved_by: who has approved that the checkpoint is discarded, or None.
        save_grace: what the end of the run waits for, while it waits.
        save_request_sent_at: when the program was last asked for a checkpoint.
        save_request_failed_at: when such a request last did not reach it.
        started_at: when the first download started.
        last_tried_at: when a download was last tried.
        failure_count: how many downloads have failed.
        last_error: why the last download failed, as a sentence.
        download: the progress of the download.
        step: the step of the checkpoint that is downloaded.
        keep_cluster_until: until when a person wants the cluster kept for it.
        keep_requested_by: who wants that.
        abandoned_at: when the checkpoint was abandoned, because no person had answered in time.
        discard_approved_at: when discarding it was approved.
        people_notified_at: when people were first to be notified, because it cannot be downloaded.
        deadline: when it will be abandoned, as of now.
        autostop_postponed_until: the deadline for which the cluster's autostop has been postponed.
        autostop_postpone_failed_at: when postponing it last failed.
        torn_checkpoints: the checkpoints on the cluster that are not complete.
        none_complete_at: when the bot found that none is complete.
        local_copy_checked_at: when the bot last looked on its own disk for a complete download.
    """

    is_save_requested: bool = False
    job_cancelled_at: datetime | None = None
    cancel_failed_at: datetime | None = None
    no_checkpoint_at: datetime | None = None
    discard_approved_by: str | None = None
    save_grace: SaveGrace | None = None
    save_request_sent_at: datetime | None = None
    save_request_failed_at: datetime | None = None
    started_at: datetime | None = None
    last_tried_at: datetime | None = None
    failure_count: int = 0
    last_error: Text | None = None
    download: DownloadProgress | None = None
    step: int | None = None
    keep_cluster_until: datetime | None = None
    keep_requested_by: str | None = None
    abandoned_at: datetime | None = None
    discard_approved_at: datetime | None = None
    people_notified_at: datetime | None = None
    deadline: datetime | None = None
    autostop_postponed_until: datetime | None = None
    autostop_postpone_failed_at: datetime | None = None
    torn_checkpoints: tuple[TornCheckpoint, ...] = ()
    none_complete_at: datetime | None = None
    local_copy_checked_at: datetime | None = None

    @property
    def is_downloaded(self) -> bool:
        return self.download is not None and self.download.is_complete

    @property
    def is_resolved(self) -> bool:
        """Return whether nothing more is done for the model."""
        return (
            self.is_downloaded
            or self.discard_approved_by is not None
            or self.abandoned_at is not None
            or self.no_checkpoint_at is not None
        )

    @property
    def needs_listing(self) -> bool:
        """Return whether the cluster's checkpoints must be listed.

        That is so at first, and after each failure, because they may change.
        """
        return self.download is None or self.last_error is not None

    @property
    def rescue_ended_at(self) -> datetime | None:
        """Return since when nothing more is done for the model.

        None where something still is done, or nothing ever had to be.
        """
        return (
            (self.last_tried_at if self.is_downloaded else None)
            or self.discard_approved_at
            or self.abandoned_at
            or self.no_checkpoint_at
        )

    def request_stop(self, by: str, save: bool | None, now: datetime) -> Self:
        """Return the rescue after a stop request.

        Args:
            save: True to save a checkpoint first, False to discard the model, None to rescue what there is.
        """
        # A complete download stays, also where the model may be discarded.
        if save is False and not self.is_downloaded:
            return replace(
                self,
                is_save_requested=False,
                discard_approved_by=self.discard_approved_by or by,
                discard_approved_at=self.discard_approved_at or now,
            )
        return replace(self, is_save_requested=bool(save))

    def set_save_grace(self, save_grace: SaveGrace | None) -> Self:
        """Return the rescue with time to save before the run ends; None if it is not to end any more."""
        return replace(self, save_grace=save_grace)

    def record_save_request(self, now: datetime) -> Self:
        """Return the rescue after the program was asked for a checkpoint."""
        return replace(self, save_request_sent_at=now, save_request_failed_at=None)

    def record_save_request_failure(self, now: datetime) -> Self:
        """Return the rescue after a request for a checkpoint that did not reach the program."""
        return replace(self, save_request_failed_at=now)

    def keep_cluster(self, until: datetime, by: str) -> Self:
        """Return the rescue with the cluster kept until this time, as this person requested."""
        return replace(self, keep_cluster_until=until, keep_requested_by=by, deadline=until)

    def record_job_cancellation(self, now: datetime) -> Self:
        """Return the rescue after the job ended while its cluster is still up."""
        return replace(self, job_cancelled_at=now)

    def record_job_cancellation_failure(self, now: datetime) -> Self:
        """Return the rescue after the job could not be cancelled: it may still be running."""
        return replace(self, cancel_failed_at=now)

    def record_no_checkpoint(self, now: datetime) -> Self:
        """Return the rescue with no checkpoint on the cluster."""
        return replace(self, no_checkpoint_at=now, last_error=None)

    def record_integrity(self, any_intact: bool, now: datetime) -> Self:
        """Return the rescue with whether any checkpoint may be complete, and since when none is."""
        return replace(self, none_complete_at=None if any_intact else self.none_complete_at or now)

    def record_autostop_postponement(self, until: datetime) -> Self:
        """Return the rescue with the autostop postponed, so that there is time for the download."""
        return replace(self, autostop_postponed_until=until)

    def record_autostop_postponement_failure(self, now: datetime) -> Self:
        """Return the rescue after a failed postponement: the cluster may remove itself before the rescue deadline."""
        return replace(self, autostop_postpone_failed_at=now)

    def discard_download(self) -> Self:
        """Return the rescue without a download: there is another checkpoint, which needs a new one."""
        return replace(self, download=None)

    def abandon(self, now: datetime) -> Self:
        """Return the rescue with the checkpoint abandoned: it is removed with the cluster, because no person decided
        otherwise in time.
        """
        return replace(self, abandoned_at=now)

    def begin(self, deadline: datetime, now: datetime) -> Self:
        """Return the rescue once a download is due; a person may have requested more time in the meantime."""
        return replace(self, started_at=self.started_at or now, deadline=self.keep_cluster_until or deadline)

    def record_progress(self, download: DownloadProgress, step: int | None, now: datetime) -> Self:
        """Return the rescue with this progress of the download."""
        torn_checkpoints = tuple(
            checkpoint for checkpoint in self.torn_checkpoints if checkpoint.step != step or not download.is_complete
        )
        return replace(
            self, download=download, step=step, last_tried_at=now, last_error=None, torn_checkpoints=torn_checkpoints
        )

    def record_torn(self, step: int, reason: Text, observations: int = 1) -> Self:
        """Return the rescue after a look found a checkpoint that is not complete.

        The newest of these checkpoints are remembered.
        """
        earlier = next((checkpoint.observations for checkpoint in self.torn_checkpoints if checkpoint.step == step), 0)
        others = [checkpoint for checkpoint in self.torn_checkpoints if checkpoint.step != step]
        torn_checkpoints = sorted(
            [*others, TornCheckpoint(step, reason, earlier + observations)], key=lambda checkpoint: -checkpoint.step
        )[:MAX_CANDIDATES]
        return replace(self, torn_checkpoints=tuple(torn_checkpoints), download=None, last_error=None)

    def is_torn(self, step: int) -> bool:
        """Return whether enough looks have found that checkpoint incomplete."""
        return any(
            checkpoint.step == step and checkpoint.observations >= MIN_TORN_OBSERVATIONS
            for checkpoint in self.torn_checkpoints
        )

    def choose_checkpoint(self, listing: CheckpointListing) -> tuple[int | None, bool]:
        """Return the checkpoint to download, and whether it may be complete.

        It is the newest that may be complete, or else the newest.
        """
        complete = [step for step in listing.candidates if not self.is_torn(step)]
        return next(iter(complete or listing.candidates), None), bool(complete)

    def record_local_copy(self, step: int | None, download: DownloadProgress | None, now: datetime) -> Self:
        """Return the rescue after a look at the bot's own disk, which has that complete checkpoint, or none."""
        if download is None:
            return replace(self, local_copy_checked_at=now)
        return replace(
            self, local_copy_checked_at=now, download=download, step=step, last_tried_at=now, last_error=None
        )

    def record_failure(self, error: Text, now: datetime, notifies_people: bool) -> Self:
        """Return the rescue after a download failed."""
        notified_at = self.people_notified_at or (now if notifies_people else None)
        return replace(
            self,
            last_error=error,
            failure_count=self.failure_count + 1,
            last_tried_at=now,
            people_notified_at=notified_at,
        )
