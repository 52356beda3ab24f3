"""Monthly budgets of a channel, a person or the workspace: how much is used, and who may raise them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo

from bot.asked import Caller
from bot.core.access import refuse_act
from bot.core.admission import excesses
from bot.core.audit import wish_event
from bot.core.command import GiveMonth
from bot.core.holds import Hold, hold, month_of
from bot.core.policy import Measure, Policy, cap_rule
from bot.core.purse import Taken, purses, spent_from, taken
from bot.core.roles import Act
from bot.core.run import Run
from bot.errors import Denied
from bot.language import say, together
from bot.origin import current_origin
from bot.ports import Audit, Now, Store


@dataclass(frozen=True, slots=True)
class MonthlyBudgets:
    """Shows, sets and enforces monthly budgets.

    Attributes:
        timezone: the time zone of the months that count.
    """

    store: Store
    audit: Audit
    now: Now
    read_policy: Callable[[], Policy]
    zone: tzinfo = UTC

    def taken(self, caller: Caller) -> list[Taken]:
        """Return the usage of every cap that applies to this person's next launch here."""
        month = month_of(self.now(), self.zone)
        return taken(self.read_policy(), self.store.ledger(), caller.user, caller.channel, month)

    def give(self, asked: GiveMonth, caller: Caller) -> float:
        """Record the monthly budget of a channel, a person or the workspace, in dollars.

        Returns the dollars of it that are already spent; 0 where that has no consequence: no run is active, or the
        rule is report-only.

        Raises:
            UserError: the person may not.
        """
        policy = self.read_policy()
        refuse_act(policy, Act.SET_MONTHLY_BUDGET, caller.actor)
        purse = Hold("", asked.person, caller.channel, 0, 0.0, 0.0).purse(asked.scope)
        before = {"dollars_per_month": self.store.ledger().given.get(purse)}
        self.store.give(purse, asked.dollars, caller.user, now := self.now())
        given = {"dollars_per_month": asked.dollars}
        self.audit.record(wish_event(Act.SET_MONTHLY_BUDGET, purse, now, current_origin(), after=given, before=before))
        if policy.is_shadow(cap_rule(asked.scope, Measure.DOLLARS_PER_MONTH)):
            return 0.0
        ledger = self.store.ledger()
        held = purses(self.store.open()).get(purse)
        return spent_from(ledger, purse, held.runs, now, month_of(now, self.zone)) if held else 0.0

    def refuse_used_up(self, run: Run) -> None:
        """Refuse to approve a run that no longer fits a monthly budget: an approval must not override it silently.

        Raises:
            UserError: a budget is exhausted; the message says which, and how to raise it.
        """
        policy, wanted = self.read_policy(), hold(run)
        # Without the run's own reservation, which must not count twice.
        ledger = self.store.ledger().without(run.id)
        over = excesses(policy, ledger, wanted, month_of(self.now(), self.zone)) if wanted else []
        used_up = [one for one in over if one.measure is Measure.DOLLARS_PER_MONTH and not policy.is_shadow(one.rule)]
        if used_up:
            raise Denied(
                together(*(one.sentence for one in used_up)),
                say("Raise it first, such as `/verl budget team 5000`, and approve then."),
                act=Act.APPROVE,
                on=run.id,
            )
