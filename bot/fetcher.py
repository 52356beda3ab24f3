"""The tick's way of fetching a model: begin or look, and record how far that is, or why not."""

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
"""That an autostop is put off beyond the time after which a model is given up: the removal comes first."""

UNFINISHED = mark("verl names an older one as its newest: this one was not finished.")

MISTAKE = mark("The fetching failed on my side; the bot's own log says how.")


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches the newest checkpoints of runs that are over."""

    cloud: Cloud
    store: Store
    now: Now
    patience: Patience

    def fetch(self, run: Run, until: datetime) -> Run:
        """The run after one look at it; until its model is here, its cluster is not to remove itself."""
        run = self.store.update(run.id, lambda run: run.fetch_begun(until, self.now()))
        try:
            return self._fetch(run, until)
        except BeingStopped as error:  # no failure: the next start goes on from here
            log.info("run %s: its model is not fetched for now: %s", run.id, error)
        except NotWhole as error:
            return self._torn(run.id, error.sentence)
        except UserError as error:
            return self._failed(run, error.sentence, refused=True)
        except Unavailable as error:
            return self._failed(run, str(error))
        except Exception:  # its cluster bills, so people must know
            log.exception("run %s: its model cannot be fetched", run.id)
            return self._failed(run, say(MISTAKE))
        return run

    def put_off_autostop(self, run: Run, until: datetime) -> Run:
        """The run after its cluster was asked to remove itself no sooner than its model is given up."""
        return self._hold(run, until)

    def recall(self, run: Run) -> Run:
        """The run after a look at the bot's own disk: what is whole there is not lost, whatever its cluster became."""
        found: Mapping[int, Fetch] = {}
        try:
            found = self.cloud.recall(shelf_of(run))
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.warning("run %s: what has come of its model is not known: %s", run.id, error)
        except Exception:  # its end is told all the same
            log.exception("run %s: what has come of its model is not known", run.id)
        step = max(found, default=None)
        fetch = None if step is None else found[step]
        return self.store.update(run.id, lambda run: run.recalled(step, fetch, self.now()))

    def _fetch(self, run: Run, until: datetime) -> Run:
        if run.progress.checkpoint is None:  # most have none: neither an autostop nor a job is touched for that
            run = self._look(run)
        if run.keeping.settled:
            return run
        if run.keeping.held_until != until:
            run = self._hold(run, until)
        if drain.finishes_writing(run, self.now(), self.patience) and not self._is_written(run):
            return run
        if run.keeping.held_until == until and drain.halts(run, self.now(), self.patience):
            run = self._halt(run)  # what is idle removes itself, unless that is put off
        if run.keeping.looks_anew:
            run = self._look(run)
        wanted = keeping.parcel(run.checkpoints, run.progress.checkpoint or "", run.id, run.nodes)
        found = self.cloud.fetch(run.watched, wanted)
        if found.done and drain.trains_on(run):
            after = self._look(run)
            if after.progress.checkpoint_step != run.progress.checkpoint_step:
                return after  # it has saved once more meanwhile: that one is fetched next
        return self.store.update(run.id, lambda run: run.fetching(found, self.now()))

    def _halt(self, run: Run) -> Run:
        """End its job; where that fails it trains on, and what it saves meanwhile is found by the next look."""
        try:
            self.cloud.halt(run.watched)
        except BeingStopped:
            raise
        except (Unavailable, UserError) as error:
            log.warning("run %s: its job is not ended: %s", run.id, error)
        except Exception:  # as where it is silent; that it may train on is no reason not to fetch
            log.exception("run %s: its job is not ended", run.id)
        else:
            return self.store.update(run.id, lambda run: run.halted(self.now()))
        return self.store.update(run.id, lambda run: run.halt_failed(self.now()))

    def _is_written(self, run: Run) -> bool:
        """Whether the checkpoint that its log has named is whole."""
        named = self.cloud.shelf(run.watched, shelf_of(run)).named
        return named is not None and named >= (run.progress.checkpoint_step or 0)

    def _look(self, run: Run) -> Run:
        """What its cluster says of its newest checkpoint; a log may have told of an older one, or of none.

        One that was found torn is passed over, unless all are: what writes it may not have ended yet.
        """
        there = shelf_of(run)
        over = not drain.trains_on(run) or run.keeping.halted_at is not None
        found = self.cloud.shelf(run.watched, there, over)
        step, is_whole = run.keeping.choose(found)
        if step is None:
            none = run.progress.checkpoint is None
            return self.store.update(run.id, lambda run: run.has_saved_nothing(self.now())) if none else run

        def change(run: Run) -> Run:
            for begun in found.unfinished if over else ():
                run = run.has_torn(begun, say(UNFINISHED), SURE_LOOKS)
            return run.has_saved(f"{there.path}/global_step_{step}", step).has_whole(is_whole, self.now())

        return self.store.update(run.id, change)

    def _torn(self, run_id: str, why: str) -> Run:
        """The run after a look that has found its newest checkpoint torn; people are asked where there is no other."""
        log.warning("run %s: its checkpoint is not whole: %s", run_id, why)

        def change(run: Run) -> Run:
            found = run.has_torn(run.progress.checkpoint_step or 0, why)
            if found.keeping.none_whole_at is None and found.keeping.is_torn(run.progress.checkpoint_step or 0):
                return found  # there may be an older one
            return found.fetch_failed(why, self.now(), run.keeping.none_whole_at is not None and drain.is_kept(run))

        return self.store.update(run_id, change)

    def _failed(self, run: Run, why: str, refused: bool = False) -> Run:
        log.warning("run %s: its model is not fetched: %s", run.id, why)

        def change(run: Run) -> Run:
            asks = (refused or run.keeping.tries + 1 >= drain.FETCH_TRIES) and drain.is_kept(run)
            return run.fetch_failed(why, self.now(), asks)

        return self.store.update(run.id, change)

    def _hold(self, run: Run, until: datetime) -> Run:
        """Put off an autostop that would take the model with it; that it could not be is no reason not to fetch."""
        known = run.autostop_asked if run.autostop_minutes is None else run.autostop_minutes
        if known is not None:  # a job may be over at the first look, which has kept nothing of an autostop
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
    return keeping.shelf(run.checkpoints, run.progress.checkpoint, run.id, run.nodes)
