"""Resumes by the policy: a run that a finding has stopped is continued once, as if its person had asked for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.app.access_control import AccessControl
from bot.app.launch_recorder import LaunchRecorder
from bot.app.ports import Notifier
from bot.app.run_queries import Requester
from bot.app.store_ports import RunWriter
from bot.core.model.lineage import PolicyResume
from bot.core.model.people import Act
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.rules.access import refuse_act
from bot.core.rules.policy_resumes import build_policy_launch, is_resume_due
from bot.errors import BeingStopped, Unavailable, UserError
from bot.phrase import N_, Phrase

log = logging.getLogger(__name__)

NOT_REPEATABLE = N_("The command of `{run}` no longer launches anything.")


@dataclass(frozen=True, slots=True)
class PolicyResumer:
    """Launches the runs that continue others.

    Attributes:
        access: says who the person is now, and in which role.
        launch_recorder: records the launch, within the same bounds and caps as any other.
        read_policy: returns what is allowed now.
        wake: lets the tick run now.
    """

    store: RunWriter
    notifier: Notifier
    access: AccessControl
    launch_recorder: LaunchRecorder
    read_policy: Callable[[], Policy]
    wake: Callable[[], None]

    def resume(self, run: Run) -> None:
        """Launch the run that continues this one, if that is due, and record it with both; or record why none does.

        One delivery id makes it one run, even if the bot dies before it has recorded the launch with this one.
        """
        resume = run.lineage.resume
        if resume is None or not is_resume_due(run):
            return
        try:
            later = self._launch(run, resume)
        except BeingStopped:
            return
        except UserError as error:
            why = error.sentence
            self._change(run, lambda resume: resume.refuse(why))
        except Unavailable as error:  # the next tick tries again
            log.warning("run %s: it is not resumed yet: %s", run.id, error)
        else:
            log.info("run %s: %s continues it", run.id, later.id)
            self.notifier.show([later])
            self._change(run, lambda resume: resume.record_launch(later.id))
            self.wake()

    def _launch(self, run: Run, resume: PolicyResume) -> Run:
        """Record the run that continues this one; return it, or the one of an earlier attempt.

        Raises:
            UserError: the person may not launch it any more, it is out of bounds, or a cap has no room for it.
            Unavailable: Slack does not say who the person is.
        """
        launch = build_policy_launch(run, resume)
        if launch is None:
            raise UserError(Phrase(NOT_REPEATABLE, run=run.id))
        actor = self.access.find_actor(run.requester, "", run.channel)
        if not actor.is_known:
            raise Unavailable(actor.trouble)
        caller = Requester(run.requester, run.channel, actor, f"policy-resume {run.id}", permanent=True)
        refuse_act(self.read_policy(), Act.LAUNCH, actor)
        return self.launch_recorder.record(launch, caller, resume.build_origin(run.id))

    def _change(self, run: Run, change: Callable[[PolicyResume], PolicyResume]) -> None:
        """Record what has become of a run's resume, and show it."""

        def update(run: Run) -> Run:
            return replace(run, lineage=run.lineage.change_resume(change))

        self.notifier.show([self.store.update(run.id, update)])
