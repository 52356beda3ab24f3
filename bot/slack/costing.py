"""Cost commands, answered in the background: a month has thousands of records."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bot.asked import Requester
from bot.core.command import ShowCost
from bot.core.run import Run
from bot.costs import CostService
from bot.run_queries import RunQueries
from bot.slack import answers, spend
from bot.slack.answers import Answer
from bot.slack.errands import BackgroundReplies, DeferredAnswer, Responder


@dataclass(frozen=True, slots=True)
class CostCommands:
    """The commands that show what runs cost."""

    cost_service: CostService
    background: BackgroundReplies
    queries: RunQueries

    def answer(self, command: ShowCost, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Return the answer to a cost command. A run is looked up here, so that errors are raised at once."""
        compute_answer = self.prepare_answer(command, requester)
        return lambda: self.background.answer_later(compute_answer, responder, requester.user)

    def prepare_answer(self, command: ShowCost, requester: Requester) -> Callable[[], Answer]:
        """Return the function that computes the answer in the background."""
        cost_service = self.cost_service
        match command.of:
            case "mine":
                own_costs = partial(cost_service.report_month, lambda run: run.requester == requester.user)
                return lambda: spend.build_person_costs(own_costs(), cost_service.zone)
            case "team":
                team_costs = partial(cost_service.report_month, lambda run: run.channel == requester.channel)
                return lambda: spend.build_channel_costs(team_costs(), cost_service.zone, requester.channel)
            case "month":
                return lambda: spend.build_workspace_costs(cost_service.report_month(lambda _: True), cost_service.zone)
            case run_id:
                return partial(self.answer_for_run, cost_service.find_run(run_id), requester)

    def answer_for_run(self, run: Run, requester: Requester) -> Answer:
        """Return what a run has cost; for a person who may not read the run, only its line."""
        (visible_run,) = self.queries.redact_for(requester.actor, [run])
        if visible_run.is_redacted:
            return answers.render_runs([visible_run], "all", self.cost_service.now())
        run_account = self.cost_service.report_run(run)
        return spend.build_run_costs(run_account.run, run_account.baseline, self.cost_service.now())
