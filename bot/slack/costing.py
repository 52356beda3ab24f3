"""Cost commands, answered in the background: a month has thousands of records."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bot.asked import Caller
from bot.core.command import Cost
from bot.core.run import Run
from bot.costs import Costs
from bot.run_queries import RunQueries
from bot.slack import answers, spend
from bot.slack.answers import Answer
from bot.slack.errands import Errands, Reply, Said


@dataclass(frozen=True, slots=True)
class Costing:
    """The commands that show what runs cost."""

    costs: Costs
    errands: Errands
    queries: RunQueries

    def answer(self, asked: Cost, caller: Caller, reply: Reply) -> Said:
        """Return the answer to a cost command. A run is looked up here, so that errors are raised at once."""
        found = self.reckoning(asked, caller)
        return lambda: self.errands.run(found, reply, caller.user)

    def reckoning(self, asked: Cost, caller: Caller) -> Callable[[], Answer]:
        """Return the function that computes the answer in the background."""
        costs = self.costs
        match asked.of:
            case "mine":
                own = partial(costs.of_month, lambda run: run.requester == caller.user)
                return lambda: spend.of_person(own(), costs.zone)
            case "team":
                team = partial(costs.of_month, lambda run: run.channel == caller.channel)
                return lambda: spend.of_channel(team(), costs.zone, caller.channel)
            case "month":
                return lambda: spend.of_all(costs.of_month(lambda _: True), costs.zone)
            case name:
                return partial(self.account, costs.find(name), caller)

    def account(self, run: Run, caller: Caller) -> Answer:
        """Return what a run has cost; for a person who may not read the run, only its line."""
        (shown,) = self.queries.shown_to(caller.actor, [run])
        if shown.is_redacted:
            return answers.runs([shown], "all", self.costs.now())
        found = self.costs.of_run(run)
        return spend.of_run(found.run, found.past, self.costs.now())
