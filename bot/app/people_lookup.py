"""Find the person whom a command names: by Slack's handle, display name or real name, among those who use the bot."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.app.run_lookup import REMEMBERED_RUNS
from bot.app.run_queries import Requester, RunQueries
from bot.core.commands.command import (
    Command,
    ListRuns,
    SetBudget,
    SetMonthlyBudget,
    ShowAudit,
    ShowBudgets,
    ShowCost,
    ShowHistory,
    ShowRunBudget,
)
from bot.core.commands.report_command import ShowReport
from bot.core.model.audit import BOT
from bot.core.model.near_names import MIN_PREFIX_CHARACTERS, find_near_names
from bot.core.model.people import Role
from bot.core.model.policy import Policy, Scope
from bot.core.model.run_filter import ME, is_person_id
from bot.core.model.typed_text import format_inline_code
from bot.errors import AmbiguousRun, Unavailable, UserError
from bot.phrase import N_, Phrase, join_list, join_sentences, name_person

MAX_CANDIDATES = 60
"""Maximum people among whom a name is searched for. Slack is asked for each one's names every ten minutes at most, and
answers some hundred such calls a minute (docs: users.info, tier 4).
"""

PLAIN_NAME = re.compile(r"\w{1,40}")

HOW_TO_NAME = N_("Type `@` and choose the person from Slack's list, such as `@ana`, or type `me` for yourself.")


class NameDirectory(Protocol):
    """What Slack knows of people's names. Every call answers within about a second."""

    def find_all_names(self, users: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """Return the names of people by Slack's id; those of whom Slack does not answer in time are left out."""

    def list_members(self, channel_id: str) -> Collection[str]:
        """Return Slack's ids of the people in a channel, or of none, where Slack does not say."""


@dataclass(frozen=True, slots=True)
class PeopleLookup:
    """Puts Slack's ids in place of the names of people in a command."""

    queries: RunQueries
    directory: NameDirectory
    read_policy: Callable[[], Policy]

    def resolve(self, command: Command, requester: Requester) -> Command:
        """Return the command with Slack's id of the person whom it names.

        A budget or a cost is a person's if no run, but a person, has that name.

        Raises:
            UserError: no person has the name, or several have.
            Unavailable: Slack does not answer in time.
        """
        match command:
            case ListRuns(criteria=criteria) if criteria.person_name:
                return replace(command, criteria=replace(criteria, who=self.find(criteria.who, requester)))
            case ShowAudit(criteria) if criteria.who not in ("", BOT):
                return ShowAudit(replace(criteria, who=self.find(criteria.who, requester)))
            case ShowHistory(who=who) | ShowReport(who=who) if who:
                return replace(command, who=self.find(who, requester))
            case ShowBudgets(person=person) if person:
                return replace(command, person=self.find(person, requester))
            case SetMonthlyBudget(person=person) if person:
                return replace(command, person=self.find(person, requester, among_all=True))
            case ShowCost(person=person) if person:
                return ShowBudgets(Scope.PERSON, self.find(person, requester))
            case ShowCost(of=name) | ShowRunBudget(name) if person := self._find_in_place_of_run(name, requester):
                return ShowBudgets(Scope.PERSON, person)
            case SetBudget(name, dollars) if self._find_in_place_of_run(name, requester):
                # Anyone may choose a name that looks like a run's: money is a person's only where one is meant.
                missing = Phrase("No run is called {name}.", name=format_inline_code(name))
                raise UserError(
                    missing,
                    Phrase(
                        "For a person's month: `/verl budget @{name} {dollars}`.",
                        name=name if PLAIN_NAME.fullmatch(name) else "NAME",
                        dollars=f"{dollars:g}",
                    ),
                )
            case _:
                return command

    def find(self, name: str, requester: Requester, among_all: bool = False) -> str:
        """Return Slack's id of the person of this name.

        Args:
            among_all: whether the names of all people must be known, because another one may have the name too.

        Raises:
            UserError: no person has the name, or several have; the hint has near names.
            Unavailable: Slack does not answer in time.
        """
        if is_person_id(name):
            return name
        if fold_person_name(name) == ME:
            return requester.user
        candidates = self._list_candidates(requester)
        names = self.directory.find_all_names(candidates)
        matching = match_people(name, names)
        if len(matching) == 1 and not (among_all and len(names) < len(candidates)):
            return matching[0]
        if len(matching) > 1:
            people = join_list(map(name_person, matching))
            several = Phrase(
                "Several people are called {name}: {people}.", name=format_inline_code(name), people=people
            )
            raise UserError(several, Phrase(HOW_TO_NAME))
        if len(names) < len(candidates):
            raise Unavailable(Phrase("Slack does not answer in time."))
        raise unknown_person_error(name, names)

    def _find_in_place_of_run(self, name: str, requester: Requester) -> str:
        """Return Slack's id of the only person of this name, if it names no run; else nothing."""
        if not name or name in ("mine", "team", "month"):
            return ""
        try:
            self.queries.look_up(name, requester.actor)
        except AmbiguousRun:
            return ""
        except UserError:
            names = self.directory.find_all_names(self._list_candidates(requester))
            matching = match_people(name, names)
            return matching[0] if len(matching) == 1 else ""
        return ""

    def _list_candidates(self, requester: Requester) -> list[str]:
        """Return Slack's ids of the people who may be meant: those with runs and roles first, then the channel's."""
        store, policy = self.queries.store, self.read_policy()
        runs = [*store.list_open_runs(), *store.list_recent_runs(REMEMBERED_RUNS)]
        known = [requester.user, *(run.requester for run in runs), *policy.grants.list_holders(Role.VIEWER)]
        members = [] if requester.is_in_hidden_channel else self.directory.list_members(requester.channel)
        people = dict.fromkeys((*known, *policy.external_launches.people.values(), *members))
        return [person for person in people if is_person_id(person)][:MAX_CANDIDATES]


def match_people(name: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the ids of those who have this name, in capitals or not.

    >>> match_people("@Ana Roth", {"U0ANA": ("ana", "Ana Roth"), "U0BEN": ("ben",)})
    ['U0ANA']
    """
    wanted = fold_person_name(name)
    return [person for person, own in names.items() if wanted in map(fold_person_name, own)]


def fold_person_name(name: str) -> str:
    """Return what the spellings of a person's name have in common.

    >>> fold_person_name("@Ana  Roth")
    'ana roth'
    """
    return " ".join(name.removeprefix("@").casefold().split())


def unknown_person_error(name: str, names: Mapping[str, Sequence[str]]) -> UserError:
    """Return the error for a name that no person has, with near names.

    >>> str(unknown_person_error("@anna", {"U0ANA": ("ana", "Ana Roth")}).message)
    'No person called `@anna` has used verlbot.'
    """
    wanted = fold_person_name(name)
    folded = {person: tuple(map(fold_person_name, own)) for person, own in names.items()}
    near = [
        person
        for person, own in folded.items()
        if any(find_near_names(wanted, [one, *one.split()]) for one in own)
        or (len(wanted) >= MIN_PREFIX_CHARACTERS and any(find_near_names(word, own) for word in wanted.split()))
    ]
    guess = Phrase("Did you mean {name}?", name=name_person(near[0])) if len(near) == 1 else ""
    missing = Phrase("No person called {name} has used verlbot.", name=format_inline_code(name))
    return UserError(missing, join_sentences(guess, Phrase(HOW_TO_NAME)))
