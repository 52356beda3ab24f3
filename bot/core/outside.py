"""Launches beside the bot: what one asks for, whether it fits, and what it holds until it is gone. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Self

from bot.core.admission import excesses
from bot.core.holds import Hold, Ledger, entry, month_of
from bot.core.orphans import PREFIX, Claim, Standing
from bot.core.policy import Measure, Outside, Policy, Scope
from bot.core.recipe import Task
from bot.core.run import Run
from bot.core.status import Status
from bot.core.task_identity import gist, secret_names

MARK = "sky/"
"""Before a cluster's name where the ledger has a run's id, which never holds a slash; and before a user's name."""

LEAST = timedelta(hours=1)
"""What a launch is held against a month's dollars with: nobody says how long it will stand."""

SIGHT = timedelta(seconds=30)
"""Between the two lists that must both leave a cluster out."""

UNLISTED_FOR = timedelta(minutes=5)
"""After so long it is said that a cluster is not listed any more, and nothing tells that it is gone."""

KEPT_UNLISTED = timedelta(days=7)
"""The place of such a cluster is kept so long, unless a list shows it again, or SkyPilot's history its end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a launch asks for.

    Attributes:
        user: SkyPilot's name of who asks; person: Slack's id of him, or his name behind the mark.
        gpus: of all nodes together; dollars_per_hour: zero where nobody knows, or knows in time.
    """

    cluster: str
    user: str
    person: str
    gpus: int
    dollars_per_hour: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsider:
    """The record of a cluster that was launched beside the bot.

    Attributes:
        wanted: what it holds.
        began_at: since when; asked_at: when its launch was last admitted, None where it stood before it was heard of.
        seen_at: when a list last showed it since then; missing_since: since when none does.
        cluster_id: the cloud's own id, as last listed; empty before.
    """

    wanted: Wanted
    began_at: datetime
    asked_at: datetime | None
    seen_at: datetime | None = None
    missing_since: datetime | None = None
    cluster_id: str = ""

    def is_unlisted(self, now: datetime) -> bool:
        """Return whether no list has shown it for a while, though one did."""
        return self._is_missing_for(UNLISTED_FOR, now)

    def has_lapsed(self, now: datetime) -> bool:
        """Return whether its place is free though nothing shows its end: people have known of it for long enough."""
        return self._is_missing_for(KEPT_UNLISTED, now)

    def _is_missing_for(self, wait: timedelta, now: datetime) -> bool:
        return self.cluster_id != "" and self.seen_at is not None and now >= self.seen_at + wait

    @property
    def cluster(self) -> str:
        return self.wanted.cluster

    @property
    def hold(self) -> Hold:
        return held(self.wanted, self.dollars)

    @property
    def dollars(self) -> float:
        """What it has cost as far as it was seen, and what it is expected to at the least."""
        return max(self.spent, cost(self.wanted, LEAST))

    @property
    def spent(self) -> float:
        return cost(self.wanted, self.seen_at - self.began_at) if self.seen_at else 0.0

    def admitted_again(self, wanted: Wanted, now: datetime) -> Self:
        """Launched once more under its name: what stands there stays, so the larger counts."""
        larger = replace(
            wanted,
            gpus=max(wanted.gpus, self.wanted.gpus),
            dollars_per_hour=max(wanted.dollars_per_hour, self.wanted.dollars_per_hour),
        )
        return replace(self, wanted=larger, asked_at=now, missing_since=None, cluster_id="")

    def seen(self, standing: Standing, now: datetime) -> Self:
        """It stands. What SkyPilot reckons for it counts, once it does."""
        rate = standing.dollars_per_hour or self.wanted.dollars_per_hour
        wanted = replace(self.wanted, dollars_per_hour=rate, gpus=standing.gpus or self.wanted.gpus)
        return replace(self, wanted=wanted, seen_at=now, missing_since=None, cluster_id=standing.id)

    def missed(self, now: datetime, grace: timedelta) -> Self | None:
        """A list leaves it out. None once it is gone, or has not come in time: its place is free."""
        asked_at = self.asked_at or self.began_at
        awaited = now < asked_at + grace and (self.seen_at is None or self.seen_at < asked_at)
        since = self.missing_since or now
        if awaited or now < since + SIGHT:
            return replace(self, missing_since=since)
        return None


def cost(wanted: Wanted, time: timedelta) -> float:
    return wanted.dollars_per_hour * max(time / timedelta(hours=1), 0.0)


def held(wanted: Wanted, dollars: float) -> Hold:
    return Hold(f"{MARK}{wanted.cluster}", wanted.person, "", wanted.gpus, wanted.dollars_per_hour, dollars)


def spending(outsider: Outsider, now: datetime, zone: tzinfo) -> dict[str, float]:
    """What one that is gone adds to the ledger, by entry: in the month of its end, as a run's."""
    paid = held(outsider.wanted, outsider.spent)
    scopes = (Scope.PERSON, Scope.EVERYBODY)
    return {entry(month_of(now, zone), paid.purse(scope)): paid.dollars for scope in scopes if paid.dollars}


def person_of(outside: Outside, user: str) -> str:
    """
    >>> person_of(Outside(people={"ben": "U0BEN"}), "ben"), person_of(Outside(), "ben")
    ('U0BEN', 'sky/ben')
    """
    return outside.people.get(user) or f"{MARK}{user}"


def came_to_stand(standing: Standing, outside: Outside, now: datetime) -> Outsider:
    """The record of one that nobody has asked about: launched before, or while the records were away."""
    rate = standing.dollars_per_hour or 0.0
    wanted = Wanted(standing.name, standing.user, person_of(outside, standing.user), standing.gpus, rate)
    return Outsider(wanted=wanted, began_at=standing.since or now, asked_at=None, seen_at=now)


def counts(claim: Claim | None) -> bool:
    """Whether a cluster holds a place of its own: a run's has the run's, and what a run has left is being removed."""
    match claim:
        case Claim.NAMED | Claim.NOBODY | Claim.RETURNED:
            return True
        case Claim.ENDED | None:
            return False


# whether it fits


OVER = {
    Measure.RUNS: "That would be {would} clusters launched outside Slack at once; {most} are allowed.",
    Measure.GPUS: "That would be {would} GPUs launched outside Slack at once; {most} are allowed.",
    Measure.DOLLARS_PER_HOUR: "What is launched outside Slack would cost ${would} an hour; ${most} are allowed.",
    Measure.DOLLARS_PER_MONTH: "What is launched outside Slack would cost ${would} this month; ${most} are allowed.",
}
"""Read at a command line, which speaks English alone."""

WAY_OUT = (
    "End one first, and try again in a minute: `sky status` shows what was launched by hand, "
    "and in Slack `/verl list` the runs and `/verl budget` what is taken."
)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Rules that a launch would break: those that hold, a sentence each, and names of those that are rehearsed."""

    refusals: tuple[str, ...] = ()
    rehearsed: tuple[str, ...] = ()


def weigh(wanted: Wanted, ledger: Ledger, policy: Policy, month: str) -> Weighed:
    """Hold a launch against the caps of its person, of everybody, and of all that is launched outside.

    No channel's: it was launched in none.
    """
    hold = held(wanted, cost(wanted, LEAST))
    broken = {
        one.rule: one.sentence for one in excesses(policy, ledger, hold, month) if one.scope is not Scope.TEAM
    } | dict(outside_excesses(hold, ledger, policy.outside))
    return Weighed(
        tuple(sentence for rule, sentence in broken.items() if not policy.is_shadow(rule)),
        tuple(rule for rule in broken if policy.is_shadow(rule)),
    )


def outside_excesses(hold: Hold, ledger: Ledger, outside: Outside) -> list[tuple[str, str]]:
    """Caps of all that is launched outside which it would pass: rule and sentence."""
    others = [one for one in ledger.holds if one.run.startswith(MARK) and one.run != hold.run]
    found = []
    for measure in Measure:
        most, asked = outside.caps.of(measure), hold.of(measure)
        would = sum(one.of(measure) for one in others) + asked
        if most is not None and asked > 0 and would > most:
            counted = measure in (Measure.RUNS, Measure.GPUS)
            said = {
                name: f"{value:,.0f}" if counted else f"{value:,.2f}"
                for name, value in (("would", would), ("most", most))
            }
            found.append((f"outside.{measure}", OVER[measure].format(**said)))
    return found


# whose launch it is


def is_own(task: Task, cluster: str | None, find: Callable[[str], Run | None], recorded: Callable[[str], Task]) -> bool:
    """Whether it is what the bot itself launches just now.

    By nothing that its labels claim: a run of its name is recorded and being launched, and the task that arrived is
    that run's: scripts, image, mounts, volumes, machines and all else. It may hold no secret that the run does not
    name, because each becomes a variable of the scripts. Who sends the very same under the very same name gets no more
    than what was admitted already.
    """
    run = find(str(task.get("name") or ""))
    if run is None or run.status is not Status.LAUNCHING or cluster not in (None, run.cluster):
        return False
    own = recorded(run.id)
    return secret_names(task) <= secret_names(own) | set(run.secrets) and gist(own) == gist(task)


def owner_of(cluster: str | None, find: Callable[[str], Run | None]) -> Run | None:
    """The run that a cluster of this name belongs to, while it has not ended."""
    run = find(cluster.removeprefix(PREFIX)) if cluster and cluster.startswith(PREFIX) else None
    return run if run and run.status is not Status.ENDED else None
