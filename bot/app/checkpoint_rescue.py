"""Checkpoint rescue by the tick: begin a download or check it, and record its progress or why it failed."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bot.app.ports import CheckpointSource, ClusterControl, JobControl, Now, RunFileSource
from bot.app.sample_reader import locate_run_folder
from bot.app.store_ports import RunWriter
from bot.core.frameworks import FRAMEWORK
from bot.core.model.checkpoint import MIN_TORN_OBSERVATIONS, CheckpointRescue, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef, locate_checkpoint, locate_checkpoint_folder
from bot.core.model.run import Run
from bot.core.rules import save_grace
from bot.core.rules.actions import (
    CheckpointAction,
    DownloadCheckpoint,
    FindDownloadedCheckpoint,
    PostponeAutostop,
    RequestCheckpoint,
)
from bot.core.rules.save_grace import CheckpointGrace
from bot.errors import BeingStopped, IncompleteCheckpoint, Unavailable, UserError
from bot.phrase import N_, Phrase, Text

log = logging.getLogger(__name__)

AUTOSTOP_MARGIN_MINUTES = 15
"""Minutes between the rescue deadline and the delayed autostop, so that the bot removes the cluster first."""

UNFINISHED = N_("verl names an older checkpoint as the newest, so this one is incomplete.")

MISTAKE = N_("The download failed on my side; the bot's log has the details.")


class RescueCloud(JobControl, ClusterControl, CheckpointSource, RunFileSource, Protocol):
    """The checkpoints, and the cluster that has to stay until they are downloaded."""


@dataclass(frozen=True, slots=True)
class CheckpointRescuer:
    """Downloads the newest checkpoints of runs that have finished."""

    cloud: RescueCloud
    store: RunWriter
    now: Now
    grace: CheckpointGrace

    def rescue(self, run: Run, until: datetime) -> Run:
        """Advance the rescue by one look; return the run.

        Until the checkpoint is here, its cluster must not remove itself.
        """
        run = self.store.update(run.id, lambda run: run.begin_download(until, self.now()))
        try:
            return self._advance(run, until)
        except BeingStopped as error:  # no failure: the next start continues from here
            log.info("run %s: its model is not fetched for now: %s", run.id, error)
        except IncompleteCheckpoint as error:
            return self._record_incomplete(run.id, error.sentence)
        except UserError as error:
            return self._record_failure(run, error.sentence, is_refusal=True)
        except Unavailable as error:
            return self._record_failure(run, error.message)
        except Exception:  # the cluster is billed, so people must know
            log.exception("run %s: its model cannot be fetched", run.id)
            return self._record_failure(run, Phrase(MISTAKE))
        return run

    def preserve(self, run: Run, action: CheckpointAction) -> Run:
        """Take an action that preserves the checkpoint; return the run."""
        match action:
            case RequestCheckpoint():
                return self.request_checkpoint(run)
            case PostponeAutostop(until):
                return self.postpone_autostop(run, until)
            case DownloadCheckpoint(until):
                return self.rescue(run, until)
            case FindDownloadedCheckpoint():
                return self.recover_download(run)

    def request_checkpoint(self, run: Run) -> Run:
        """Request a checkpoint from the program; return the run. What the program saves, its log will name."""
        try:
            self.cloud.request_checkpoint(run.cluster_ref, locate_run_folder(run), run.plan.files.save_request)
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.warning("run %s: its program cannot be asked for a checkpoint: %s", run.id, error)
            return self._update(run, lambda rescue: rescue.record_save_request_failure(self.now()))
        return self._update(run, lambda rescue: rescue.record_save_request(self.now()))

    def postpone_autostop(self, run: Run, until: datetime) -> Run:
        """Delay the cluster's autostop until the rescue deadline or later; return the run."""
        return self._set_later_autostop(run, until)

    def recover_download(self, run: Run) -> Run:
        """Look at the bot's own disk and return the run: a checkpoint that is complete there is not lost.

        That is so even if the cluster is gone.
        """
        downloads: Mapping[int, DownloadProgress] = {}
        try:
            downloads = self.cloud.list_downloads(checkpoint_folder(run))
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.warning("run %s: what has come of its model is not known: %s", run.id, error)
        except Exception:  # the end is reported all the same
            log.exception("run %s: what has come of its model is not known", run.id)
        step = max(downloads, default=None)
        download = None if step is None else downloads[step]
        return self.store.update(run.id, lambda run: run.record_local_copy(step, download, self.now()))

    def _advance(self, run: Run, until: datetime) -> Run:
        """Make one step: look, delay the autostop, cancel the job, download; return the run."""
        # Most runs have no checkpoint: look before touching an autostop or a job.
        if run.training.progress.checkpoint is None:
            run = self._find_newest(run)
        if run.checkpoint_rescue.is_resolved:
            return run
        if run.checkpoint_rescue.autostop_postponed_until != until:
            run = self._set_later_autostop(run, until)
        if save_grace.must_await_write(run, self.now(), self.grace) and not self._is_written(run):
            return run
        if run.checkpoint_rescue.autostop_postponed_until == until and save_grace.must_cancel_job(
            run, self.now(), self.grace
        ):
            # An idle cluster removes itself, so the job is cancelled only once the autostop is delayed.
            run = self._cancel_job(run)
        if run.checkpoint_rescue.needs_listing:
            run = self._find_newest(run)
        checkpoint = locate_checkpoint(
            run.plan.checkpoint_folder, run.training.progress.checkpoint or "", run.id, run.plan.nodes
        )
        download = self.cloud.download_checkpoint(run.cluster_ref, checkpoint)
        if download.is_complete and save_grace.leaves_job_running(run):
            after = self._find_newest(run)
            if after.training.progress.checkpoint_step != run.training.progress.checkpoint_step:
                return after  # the run has saved again meanwhile: download that one next
        return self.store.update(run.id, lambda run: run.record_download(download, self.now()))

    def _cancel_job(self, run: Run) -> Run:
        """Cancel the job. Where that fails the job trains on, and the next look finds what it saves meanwhile."""
        try:
            self.cloud.cancel_job(run.cluster_ref)
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.warning("run %s: its job is not ended: %s", run.id, error)
        except Exception:
            # As where the cloud is silent: the job may train on, which is no reason not to download.
            log.exception("run %s: its job is not ended", run.id)
        else:
            return self._update(run, lambda rescue: rescue.record_job_cancellation(self.now()))
        return self._update(run, lambda rescue: rescue.record_job_cancellation_failure(self.now()))

    def _update(self, run: Run, change: Callable[[CheckpointRescue], CheckpointRescue]) -> Run:
        """Record a step of the rescue."""
        return self.store.update(run.id, lambda run: replace(run, checkpoint_rescue=change(run.checkpoint_rescue)))

    def _is_written(self, run: Run) -> bool:
        """Return whether the checkpoint that the log has named is complete."""
        newest_step = self.cloud.list_checkpoints(run.cluster_ref, checkpoint_folder(run)).latest_step
        return newest_step is not None and newest_step >= (run.training.progress.checkpoint_step or 0)

    def _find_newest(self, run: Run) -> Run:
        """Record the newest checkpoint that the cluster has; the log may name an older one, or none.

        A checkpoint that was found incomplete is skipped, unless all are: the process that writes it may not have ended
        yet.
        """
        folder = checkpoint_folder(run)
        job_ended = not save_grace.leaves_job_running(run) or run.checkpoint_rescue.job_cancelled_at is not None
        listing = self.cloud.list_checkpoints(run.cluster_ref, folder, job_ended)
        step, is_whole = run.checkpoint_rescue.choose_checkpoint(listing)
        if step is None:
            has_none = run.training.progress.checkpoint is None
            return self._update(run, lambda rescue: rescue.record_no_checkpoint(self.now())) if has_none else run

        def change(run: Run) -> Run:
            # While the job runs, an unfinished checkpoint may still be completed.
            run = run.record_newest_checkpoint(f"{folder.path}/{FRAMEWORK.checkpoints.name_folder(step)}", step)
            rescue = run.checkpoint_rescue
            for unfinished_step in listing.incomplete_steps if job_ended else ():
                rescue = rescue.record_torn(unfinished_step, Phrase(UNFINISHED), MIN_TORN_OBSERVATIONS)
            return replace(run, checkpoint_rescue=rescue.record_integrity(is_whole, self.now()))

        return self.store.update(run.id, change)

    def _record_incomplete(self, run_id: str, why: Text) -> Run:
        """Record that the newest checkpoint is incomplete; people must decide where there is no other checkpoint."""
        log.warning("run %s: its checkpoint is not whole: %s", run_id, why)

        def change(run: Run) -> Run:
            step = run.training.progress.checkpoint_step or 0
            rescue = run.checkpoint_rescue.record_torn(step, why)
            none_complete = rescue.none_complete_at is not None
            # Otherwise there may be an older complete one.
            if none_complete or not rescue.is_torn(step):
                rescue = rescue.record_failure(why, self.now(), none_complete and save_grace.shows_rescue(run))
            return replace(run, checkpoint_rescue=rescue)

        return self.store.update(run_id, change)

    def _record_failure(self, run: Run, why: Text, is_refusal: bool = False) -> Run:
        """Record why the download failed, and whether a person must decide: after a refusal or the last try."""
        log.warning("run %s: its model is not fetched: %s", run.id, why)

        def change(run: Run) -> Run:
            # A refusal will not change by itself; other failures are worth some tries before people are asked.
            needs_person = (
                is_refusal or run.checkpoint_rescue.failure_count + 1 >= save_grace.MAX_DOWNLOAD_TRIES
            ) and save_grace.shows_rescue(run)
            return replace(run, checkpoint_rescue=run.checkpoint_rescue.record_failure(why, self.now(), needs_person))

        return self.store.update(run.id, change)

    def _set_later_autostop(self, run: Run, until: datetime) -> Run:
        """Delay an autostop that would delete the checkpoint. If that fails, the download continues all the same."""
        current_minutes = (
            run.plan.autostop_minutes if run.observed.autostop_minutes is None else run.observed.autostop_minutes
        )
        # Both are unknown where the job had finished at the first look, which recorded no autostop.
        if current_minutes is not None:
            minutes = int((until - self.now()) / timedelta(minutes=1)) + AUTOSTOP_MARGIN_MINUTES
            try:
                self.cloud.set_autostop(run.cluster_ref, max(minutes, current_minutes))
            except BeingStopped:
                raise
            except (Unavailable, UserError) as error:
                log.warning("run %s: its autostop is not put off: %s", run.id, error)
                return self._update(run, lambda rescue: rescue.record_autostop_postponement_failure(self.now()))
        return self._update(run, lambda rescue: rescue.record_autostop_postponement(until))


def checkpoint_folder(run: Run) -> CheckpointRef:
    """Return the folder of a run's checkpoints."""
    return locate_checkpoint_folder(
        run.plan.checkpoint_folder, run.training.progress.checkpoint, run.id, run.plan.nodes
    )
