"""Commands that are answered with tables: lists of runs, and recipes. They are answered in the background, because a
workspace may refuse tables.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from bot.app.ports import Now
from bot.app.run_queries import Requester, RunQueries
from bot.app.run_search import refuse_unknown_recipe, search_runs
from bot.core.commands.command import ListRuns
from bot.core.model.run import Run
from bot.core.model.run_stub import RunStub
from bot.slack.inbound.background import BackgroundReplies, DeferredAnswer
from bot.slack.outbound.table_publisher import TablePublisher
from bot.slack.views import answers
from bot.slack.views.message import Answer, Responder, build_text_answer
from bot.slack.views.mrkdwn import Markup
from bot.slack.views.run_table import NameFinder, name_plainly
from bot.slack.views.typed_states import resolve_state


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
        """Return the answer to a list of runs.

        Raises:
            UserError: there is no such state.
        """
        which, criteria = command.which, resolve_state(command.criteria)
        unreadable = self.queries.list_unreadable() if which in ("active", "all") and criteria.is_empty else ()
        selection = which if criteria.is_empty else answers.FILTERED

        def find_runs(which: str) -> Sequence[Run]:
            runs = search_runs(self.queries.store, which, criteria, requester.user, self.now(), self.zone)
            refuse_unknown_recipe(self.queries.recipes, criteria, runs)
            # A name may be searched for only among runs whose names the person may read.
            return [run for run in runs if not criteria.name or self.queries.visibility.can_see(requester.actor, run)]

        def suggest_ended() -> Markup:
            looks_further = which == "active" and not criteria.is_empty and not criteria.includes_ended
            count = len(find_runs("all")) if looks_further else 0
            person = self.find_names([criteria.who]).get(criteria.who) if criteria.who.isupper() else None
            return answers.suggest_ended_runs(count, criteria, person) if count else Markup()

        return self.list_runs(partial(find_runs, which), selection, requester, responder, unreadable, suggest_ended)

    def list_runs(
        self,
        find_runs: Callable[[], Sequence[Run]],
        selection: str,
        requester: Requester,
        responder: Responder,
        unreadable: Sequence[RunStub] = (),
        suggest_more: Callable[[], Markup] = Markup,
    ) -> DeferredAnswer:
        """Return the answer with these runs; of those that the person may not read, only that they exist and what they
        cost.

        Args:
            suggest_more: returns where to look, in place of an empty list.
        """

        def build_answer() -> Answer:
            runs = find_runs()
            if not runs and (suggestion := suggest_more()):
                return build_text_answer(suggestion)
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
