"""Commands that are answered with tables: lists of runs, and recipes. They are answered in the background, because a
workspace may refuse tables.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from bot.app.ports import Now
from bot.app.run_queries import Requester, RunQueries
from bot.app.run_search import find_person, refuse_unknown_recipe, search_runs
from bot.core.commands.command import ListRuns
from bot.core.model.run import Run
from bot.core.model.run_stub import RunStub
from bot.slack.inbound.background import BackgroundReplies, DeferredAnswer
from bot.slack.outbound.table_publisher import TablePublisher
from bot.slack.views import answers
from bot.slack.views.message import Answer, Responder
from bot.slack.views.run_table import NameFinder, name_plainly


@dataclass(frozen=True, slots=True)
class ListCommands:
    """Answers commands with tables.

    Attributes:
        tables: shows tables as this workspace takes them; find_names: returns people's names, by Slack's id.
        zone: the time zone in which a day begins.
    """

    queries: RunQueries
    background: BackgroundReplies
    tables: TablePublisher
    find_names: NameFinder
    now: Now
    zone: tzinfo

    def answer(self, command: ListRuns, requester: Requester, responder: Responder) -> DeferredAnswer:
        """Return the answer to a list of runs."""
        which, criteria = command.which, command.criteria
        unreadable = self.queries.list_unreadable() if which in ("active", "all") and criteria.is_empty else ()
        selection = which if criteria.is_empty else answers.FILTERED

        def find_runs() -> Sequence[Run]:
            wanted = find_person(self.queries.store, criteria, self.find_names, requester.user)
            runs = search_runs(self.queries.store, which, wanted, requester.user, self.now(), self.zone)
            refuse_unknown_recipe(self.queries.recipes, wanted, runs)
            return runs

        return self.list_runs(
            find_runs,
            selection,
            requester,
            responder,
            unreadable,
        )

    def list_runs(
        self,
        find_runs: Callable[[], Sequence[Run]],
        selection: str,
        requester: Requester,
        responder: Responder,
        unreadable: Sequence[RunStub] = (),
    ) -> DeferredAnswer:
        """Return the answer with these runs; of those that the person may not read, only that they exist and what they
        cost.
        """

        def build_answer() -> Answer:
            runs = find_runs()
            visible_runs = self.queries.redact_for(requester.actor, runs[: answers.MAX_LISTED_RUNS])
            names = self.find_names(list_people(visible_runs))
            reader = "" if requester.actor.is_channel_audience else requester.user
            return answers.render_runs(
                [*visible_runs, *runs[answers.MAX_LISTED_RUNS :]],
                selection,
                self.now(),
                unreadable,
                name_plainly(names),
                reader,
            )

        return self.answer_with_table(build_answer, requester, responder)

    def answer_with_table(
        self, build_answer: Callable[[], Answer], requester: Requester, responder: Responder
    ) -> DeferredAnswer:
        """Return an answer that may have a table, in the background."""
        show = self.tables.with_tables(responder)
        return lambda: self.background.answer_later(build_answer, show, requester.user)


def list_people(runs: Iterable[Run]) -> list[str]:
    """Return Slack's ids of those who launched the runs."""
    return list(dict.fromkeys(run.requester for run in runs))
