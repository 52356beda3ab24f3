"""Checkpoint rescue by the tick: begin a download or check it, and record its progress or why it failed."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core import drain, keeping
from bot.core.drain import Patience
from bot.core.keeping import SURE_LOOKS, Fetch, Parcel
from bot.core.run import Run
from bot.errors import BeingStopped, NotWhole, Unavailable, UserError
from bot.language import mark, say
from bot.ports import Cloud, Now, Store

log = logging.getLogger(__name__)

HOLD_MINUTES = 15
"""Minutes between the rescue deadline and the delayed autostop, so that the bot removes the cluster first."""

UNFINISHED = mark("verl names an older one as its newest: this one was not finished.")

MISTAKE = mark("The fetching failed on my side; the bot's own log says how.")


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Downloads the newest checkpoints of runs that have finished."""

    cloud: Cloud
    store: Store
    now: Now
    patience: Patience

    def fetch(self, run: Run, until: datetime) -> Run:
        """Advance the rescue by one look; return the run.

        Until the checkpoint is here, its cluster must not remove itself.
        """
        run = self.store.update(run.id, lambda run: run.fetch_begun(until, self.now()))
        try:
            return self._fetch(run, until)
        except BeingStopped as error:  # no failure: the next start continues from here
            log.info("run %s: its model is not fetched for now: %s", run.id, error)
        except NotWhole as error:
            return self._torn(run.id, error.sentence)
        except UserError as error:
            return self._failed(run, error.sentence, refused=True)
        except Unavailable as error:
            return self._failed(run, str(error))
        except Exception:  # the cluster is billed, so people must know
            log.exception("run %s: its model cannot be fetched", run.id)
            return self._failed(run, say(MISTAKE))
        return run

    def put_off_autostop(self, run: Run, until: datetime) -> Run:
        """Delay the cluster's autostop until the rescue deadline or later; return the run."""
        return self._hold(run, until)

    def recall(self, run: Run) -> Run:
        """Look at the bot's own disk and return the run: a checkpoint that is complete there is not lost.

        That is so even if the cluster is gone.
        """
        found: Mapping[int, Fetch] = {}
        try:
            found = self.cloud.recall(shelf_of(run))
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.warning("run %s: what has come of its model is not known: %s", run.id, error)
        except Exception:  # the end is reported all the same
            log.exception("run %s: what has come of its model is not known", run.id)
        step = max(found, default=None)
        fetch = None if step is None else found[step]
        return self.store.update(run.id, lambda run: run.recalled(step, fetch, self.now()))

    def _fetch(self, run: Run, until: datetime) -> Run:
        """Make one step: look, delay the autostop, cancel the job, download; return the run."""
        # Most runs have no checkpoint: look before touching an autostop or a job.
        if run.progress.checkpoint is None:
            run = self._look(run)
        if run.keeping.settled:
            return run
        if run.keeping.held_until != until:
            run = self._hold(run, until)
        if drain.finishes_writing(run, self.now(), self.patience) and not self._is_written(run):
            return run
        if run.keeping.held_until == until and drain.halts(run, self.now(), self.patience):
            # An idle cluster removes itself, so the job is cancelled only once the autostop is delayed.
            run = self._halt(run)
        if run.keeping.looks_anew:
            run = self._look(run)
        wanted = keeping.parcel(run.checkpoints, run.progress.checkpoint or "", run.id, run.nodes)
        found = self.cloud.fetch(run.watched, wanted)
        if found.done and drain.trains_on(run):
            after = self._look(run)
            if after.progress.checkpoint_step != run.progress.checkpoint_step:
                return after  # the run has saved again meanwhile: download that one next
        return self.store.update(run.id, lambda run: run.fetching(found, self.now()))

    def _halt(self, run: Run) -> Run:
        """Cancel the job. Where that fails the job trains on, and the next look finds what it saves meanwhile."""
        try:
            self.cloud.halt(run.watched)
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.warning("run %s: its job is not ended: %s", run.id, error)
        except Exception:
            # As where the cloud is silent: the job may train on, which is no reason not to download.
            log.exception("run %s: its job is not ended", run.id)
        else:
            return self.store.update(run.id, lambda run: run.halted(self.now()))
        return self.store.update(run.id, lambda run: run.halt_failed(self.now()))

    def _is_written(self, run: Run) -> bool:
        """Return whether the checkpoint that the log has named is complete."""
        named = self.cloud.shelf(run.watched, shelf_of(run)).named
        return named is not None and named >= (run.progress.checkpoint_step or 0)

    def _look(self, run: Run) -> Run:
        """Record the newest checkpoint that the cluster has; the log may name an older one, or none.

        A checkpoint that was found incomplete is skipped, unless all are: the process that writes it may not have ended
        yet.
        """
        there = shelf_of(run)
        over = not drain.trains_on(run) or run.keeping.halted_at is not None
        found = self.cloud.shelf(run.watched, there, over)
        step, is_whole = run.keeping.choose(found)
        if step is None:
            none = run.progress.checkpoint is None
            return self.store.update(run.id, lambda run: run.has_saved_nothing(self.now())) if none else run

        def change(run: Run) -> Run:
            # While the job runs, an unfinished checkpoint may still be completed.
            for begun in found.unfinished if over else ():
                run = run.has_torn(begun, say(UNFINISHED), SURE_LOOKS)
            return run.has_saved(f"{there.path}/global_step_{step}", step).has_whole(is_whole, self.now())

        return self.store.update(run.id, change)

    def _torn(self, run_id: str, why: str) -> Run:
        """Record that the newest checkpoint is incomplete; people must decide where there is no other checkpoint."""
        log.warning("run %s: its checkpoint is not whole: %s", run_id, why)

        def change(run: Run) -> Run:
            found = run.has_torn(run.progress.checkpoint_step or 0, why)
            if found.keeping.none_whole_at is None and found.keeping.is_torn(run.progress.checkpoint_step or 0):
                return found  # there may be an older complete one
            return found.fetch_failed(why, self.now(), run.keeping.none_whole_at is not None and drain.is_kept(run))

        return self.store.update(run_id, change)

    def _failed(self, run: Run, why: str, refused: bool = False) -> Run:
        """Record why the download failed, and whether a person must decide: after a refusal or the last try."""
        log.warning("run %s: its model is not fetched: %s", run.id, why)

        def change(run: Run) -> Run:
            # A refusal will not change by itself; other failures are worth some tries before people are asked.
            asks = (refused or run.keeping.tries + 1 >= drain.FETCH_TRIES) and drain.is_kept(run)
            return run.fetch_failed(why, self.now(), asks)

        return self.store.update(run.id, change)

    def _hold(self, run: Run, until: datetime) -> Run:
        """Delay an autostop that would delete the checkpoint. If that fails, the download continues all the same."""
        known = run.autostop_asked if run.autostop_minutes is None else run.autostop_minutes
        # Both are unknown where the job had finished at the first look, which recorded no autostop.
        if known is not None:
            minutes = int((until - self.now()) / timedelta(minutes=1)) + HOLD_MINUTES
            try:
                self.cloud.autostop(run.watched, max(minutes, known))
            except BeingStopped:
                raise
            except (Unavailable, UserError) as error:
                log.warning("run %s: its autostop is not put off: %s", run.id, error)
                return self.store.update(run.id, lambda run: run.autostop_not_held(self.now()))
        return self.store.update(run.id, lambda run: run.autostop_held(until))


def shelf_of(run: Run) -> Parcel:
    """Return the folder of a run's checkpoints."""
    return keeping.shelf(run.checkpoints, run.progress.checkpoint, run.id, run.nodes)
