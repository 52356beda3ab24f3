"""External clusters: what a launch outside Slack requests, whether the policy allows it, and what it reserves. Pure."""

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
"""Begins the run id of an external cluster in the ledger, before the cluster's name: no run's id contains a slash. It
also begins a person who is known by a SkyPilot name only.
"""

LEAST = timedelta(hours=1)
"""The time for which a launch reserves a month's dollars: its real duration is not known."""

SIGHT = timedelta(seconds=30)
"""Time between the two lists that must both omit a cluster."""

UNLISTED_FOR = timedelta(minutes=5)
"""Time after which people are notified that a cluster is no longer listed, without proof that it is gone."""

KEPT_UNLISTED = timedelta(days=7)
"""Time for which such a cluster keeps its reservation, unless a list shows it again, or SkyPilot's history shows its
end.
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an external launch requests.

    Attributes:
        cluster: the cluster's name.
        user: SkyPilot's name of the person who launches.
        person: Slack's id of that person, or the SkyPilot name behind `EXTERNAL_PREFIX`.
        gpus: number of all nodes together.
        dollars_per_hour: zero where the price is not known, or not in time.
    """

    cluster: str
    user: str
    person: str
    gpus: int
    dollars_per_hour: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsider:
    """The record of a cluster that was launched without the bot.

    Attributes:
        launch: what it reserves.
        started_at: since when.
        admitted_at: when its launch was last admitted; None where it was running before the bot saw it.
        last_seen_at: when a list last showed it since then.
        missing_since: since when no list shows it.
        cluster_id: the cloud's own id, as last listed; empty before.
    """

    wanted: Wanted
    began_at: datetime
    asked_at: datetime | None
    seen_at: datetime | None = None
    missing_since: datetime | None = None
    cluster_id: str = ""

    def is_unlisted(self, now: datetime) -> bool:
        """Return whether no list has shown it for `UNLISTED_AFTER`, though an earlier one did."""
        return self._is_missing_for(UNLISTED_FOR, now)

    def has_lapsed(self, now: datetime) -> bool:
        """Return whether its reservation ends although nothing shows its end.

        People have known for `UNLISTED_RETENTION` then that it is not listed.
        """
        return self._is_missing_for(KEPT_UNLISTED, now)

    def _is_missing_for(self, wait: timedelta, now: datetime) -> bool:
        return self.cluster_id != "" and self.seen_at is not None and now >= self.seen_at + wait

    @property
    def cluster(self) -> str:
        return self.wanted.cluster

    @property
    def hold(self) -> Hold:
        """Return what it reserves under the caps."""
        return held(self.wanted, self.dollars)

    @property
    def dollars(self) -> float:
        """Return its cost as far as it was seen, but at least what is expected of it."""
        return max(self.spent, cost(self.wanted, LEAST))

    @property
    def spent(self) -> float:
        """Return its cost up to the last list that showed it."""
        return cost(self.wanted, self.seen_at - self.began_at) if self.seen_at else 0.0

    def admitted_again(self, wanted: Wanted, now: datetime) -> Self:
        """Return the record after another launch under its name.

        The existing cluster remains, so the larger of the two numbers counts.
        """
        larger = replace(
            wanted,
            gpus=max(wanted.gpus, self.wanted.gpus),
            dollars_per_hour=max(wanted.dollars_per_hour, self.wanted.dollars_per_hour),
        )
        return replace(self, wanted=larger, asked_at=now, missing_since=None, cluster_id="")

    def seen(self, standing: Standing, now: datetime) -> Self:
        """Return the record after a list that shows it.

        SkyPilot's own price and number of GPUs count, once it has them.
        """
        rate = standing.dollars_per_hour or self.wanted.dollars_per_hour
        wanted = replace(self.wanted, dollars_per_hour=rate, gpus=standing.gpus or self.wanted.gpus)
        return replace(self, wanted=wanted, seen_at=now, missing_since=None, cluster_id=standing.id)

    def missed(self, now: datetime, grace: timedelta) -> Self | None:
        """Return the record after a list without it.

        None once it is gone, or did not appear in time: its reservation ends.
        """
        asked_at = self.asked_at or self.began_at
        # A launch that was just admitted takes a while to appear in a list.
        awaited = now < asked_at + grace and (self.seen_at is None or self.seen_at < asked_at)
        since = self.missing_since or now
        if awaited or now < since + SIGHT:
            return replace(self, missing_since=since)
        return None


def cost(wanted: Wanted, time: timedelta) -> float:
    return wanted.dollars_per_hour * max(time / timedelta(hours=1), 0.0)


def held(wanted: Wanted, dollars: float) -> Hold:
    """Return the reservation of an external launch."""
    return Hold(f"{MARK}{wanted.cluster}", wanted.person, "", wanted.gpus, wanted.dollars_per_hour, dollars)


def spending(outsider: Outsider, now: datetime, zone: tzinfo) -> dict[str, float]:
    """Return what a cluster that is gone adds to the ledger, by entry: in the month of its end, like a run."""
    paid = held(outsider.wanted, outsider.spent)
    scopes = (Scope.PERSON, Scope.EVERYBODY)
    return {entry(month_of(now, zone), paid.purse(scope)): paid.dollars for scope in scopes if paid.dollars}


def person_of(outside: Outside, user: str) -> str:
    """Return Slack's id of a SkyPilot user, or the user's name behind `EXTERNAL_PREFIX` where the policy names none.

    >>> person_of(Outside(people={"ben": "U0BEN"}), "ben"), person_of(Outside(), "ben")
    ('U0BEN', 'sky/ben')
    """
    return outside.people.get(user) or f"{MARK}{user}"


def came_to_stand(standing: Standing, outside: Outside, now: datetime) -> Outsider:
    """Return the record of a listed cluster without an admission.

    It was launched before the bot, or while the records were not available.
    """
    rate = standing.dollars_per_hour or 0.0
    wanted = Wanted(standing.name, standing.user, person_of(outside, standing.user), standing.gpus, rate)
    return Outsider(wanted=wanted, began_at=standing.since or now, asked_at=None, seen_at=now)


def counts(claim: Claim | None) -> bool:
    """Return whether a cluster needs a reservation of its own.

    A run's cluster is covered by the run's reservation, and what an ended run has left is being removed.
    """
    match claim:
        case Claim.NAMED | Claim.NOBODY | Claim.RETURNED:
            return True
        case Claim.ENDED | None:
            return False


# Policy checks


OVER = {
    Measure.RUNS: "That would be {would} clusters launched outside Slack at once; {most} are allowed.",
    Measure.GPUS: "That would be {would} GPUs launched outside Slack at once; {most} are allowed.",
    Measure.DOLLARS_PER_HOUR: "What is launched outside Slack would cost ${would} an hour; ${most} are allowed.",
    Measure.DOLLARS_PER_MONTH: "What is launched outside Slack would cost ${would} this month; ${most} are allowed.",
}
"""Sentences by measure. They are read at a command line, so they exist in English only."""

WAY_OUT = (
    "End one first, and try again in a minute: `sky status` shows what was launched by hand, "
    "and in Slack `/verl list` the runs and `/verl budget` what is taken."
)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Rules that a launch would break.

    Attributes:
        refusals: a sentence for each enforced rule.
        report_only_rules: names of the rules that are report only.
    """

    refusals: tuple[str, ...] = ()
    rehearsed: tuple[str, ...] = ()


def weigh(wanted: Wanted, ledger: Ledger, policy: Policy, month: str) -> Weighed:
    """Return what the caps of its person, of the workspace, and of all external launches decide about a launch.

    No channel's caps count: it was launched in none.
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
    """Return the caps on all external launches that a launch would exceed, as rule and sentence."""
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


# Ownership of a launch


def is_own(task: Task, cluster: str | None, find: Callable[[str], Run | None], recorded: Callable[[str], Task]) -> bool:
    """Return whether a launch is the bot's own, in progress now.

    Labels prove nothing here: a run of that name must be recorded and launching, and the task must be that run's:
    scripts, image, mounts, volumes, machines and all else. It may contain no secret that the run does not name, because
    each becomes a variable of the scripts. A person who sends the same task under the same name gets no more than what
    was admitted already.
    """
    run = find(str(task.get("name") or ""))
    # Admission must not depend on labels, which anyone can set.
    if run is None or run.status is not Status.LAUNCHING or cluster not in (None, run.cluster):
        return False
    own = recorded(run.id)
    return secret_names(task) <= secret_names(own) | set(run.secrets) and gist(own) == gist(task)


def owner_of(cluster: str | None, find: Callable[[str], Run | None]) -> Run | None:
    """Return the run that owns a cluster of this name; None where that run has ended, or there is none."""
    run = find(cluster.removeprefix(PREFIX)) if cluster and cluster.startswith(PREFIX) else None
    return run if run and run.status is not Status.ENDED else None
