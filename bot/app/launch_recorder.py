"""The record of a new run: planned, checked against bounds and caps, and written once for each request."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.app.launch_planner import LaunchPlanner
from bot.app.ports import Now
from bot.app.run_queries import Requester, new_run
from bot.app.store_ports import RunWriter
from bot.core.commands.command import Launch
from bot.core.model.lineage import ResumeOrigin
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.rules.admission import AdmissionCheck
from bot.errors import Unavailable
from bot.phrase import Phrase

MAX_ID_TRIES = 50


@dataclass(frozen=True, slots=True)
class LaunchRecorder:
    """Records launches of people who may launch.

    Attributes:
        launch_planner: says what a launch would do.
        new_id: returns a run's id for a recipe's name; called again where the id has been used.
        read_policy: returns what is allowed now; admit: checks a launch against the caps.
    """

    store: RunWriter
    launch_planner: LaunchPlanner
    now: Now
    new_id: Callable[[str], str]
    read_policy: Callable[[], Policy]
    admit: AdmissionCheck

    def record(
        self, launch: Launch, caller: Requester, origin: ResumeOrigin | None = None, admit: AdmissionCheck | None = None
    ) -> Run:
        """Record a new run, or return the run of the same delivery, however often that comes.

        Args:
            origin: the resume that the policy has made in its lineage; it is this run's own if it names no run.
            admit: checks the launch in place of the recorder's own check.

        Raises:
            UserError: it is out of bounds, or a cap has no room for it.
            Unavailable: it names a branch, and its host does not answer.
        """
        recipe = self.launch_planner.recipes.get(launch.recipe)
        # A record never names a branch: a retry or a resume would follow it.
        launch = self.launch_planner.pin_code(launch, caller)
        for _ in range(MAX_ID_TRIES):
            launch_plan = self.launch_planner.plan_supported(recipe, launch, self.new_id(recipe.name))
            self.launch_planner.refuse_out_of_bounds(launch_plan, caller)
            run = new_run(launch_plan, caller, self.now(), self.read_policy(), origin)
            if added := self.store.add(
                run, launch_plan.task, caller.delivery_id, caller.permanent, admit or self.admit
            ):
                return added
        raise Unavailable(Phrase("I found no free name for the run."))
