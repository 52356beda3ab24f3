"""Admission: whether a launch, or a larger budget, fits under the caps, and whether it needs an approval.

The ledger says what open runs reserve.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bot.core.approval_rule import settle_approval
from bot.core.holds import Hold, Ledger, hold, month_of
from bot.core.policy import Measure, Policy, Scope
from bot.core.run import Run
from bot.core.shadow import Shadow
from bot.errors import Denied
from bot.language import mark, say, together

Admit = Callable[[Run, Ledger], Run]
"""A check of a run against the reservations of others: it returns the run to record, or raises a UserError."""


def uncapped(run: Run, ledger: Ledger) -> Run:  # an AdmissionCheck
    """Return the run as it is, checked against no cap."""
    return run


FULL = {
    (Scope.PERSON, Measure.RUNS): mark("That would be {would} runs of yours at once; {most} are allowed."),
    (Scope.PERSON, Measure.GPUS): mark("That would be {would} GPUs of yours at once; {most} are allowed."),
    (Scope.PERSON, Measure.DOLLARS_PER_HOUR): mark("Your runs would cost ${would} an hour; ${most} are allowed."),
    (Scope.PERSON, Measure.DOLLARS_PER_MONTH): mark(
        "Your runs of this month may then cost ${would} together; ${most} are allowed."
    ),
    (Scope.TEAM, Measure.RUNS): mark("That would be {would} runs of this channel at once; {most} are allowed."),
    (Scope.TEAM, Measure.GPUS): mark("That would be {would} GPUs of this channel at once; {most} are allowed."),
    (Scope.TEAM, Measure.DOLLARS_PER_HOUR): mark(
        "The runs of this channel would cost ${would} an hour; ${most} are allowed."
    ),
    (Scope.TEAM, Measure.DOLLARS_PER_MONTH): mark(
        "The runs of this channel may then cost ${would} together this month; ${most} are allowed."
    ),
    (Scope.EVERYBODY, Measure.RUNS): mark("That would be {would} runs of everybody at once; {most} are allowed."),
    (Scope.EVERYBODY, Measure.GPUS): mark("That would be {would} GPUs of everybody at once; {most} are allowed."),
    (Scope.EVERYBODY, Measure.DOLLARS_PER_HOUR): mark(
        "The runs of everybody would cost ${would} an hour; ${most} are allowed."
    ),
    (Scope.EVERYBODY, Measure.DOLLARS_PER_MONTH): mark(
        "The runs of everybody may then cost ${would} together this month; ${most} are allowed."
    ),
}


@dataclass(frozen=True, slots=True)
class Excess:
    """A cap that a launch would exceed.

    Attributes:
        cap: the limit; total: the total that the launch would bring it to.
    """

    scope: Scope
    measure: Measure
    most: float
    would: float

    @property
    def rule(self) -> str:
        """Return the name of the rule that sets the cap, such as `person.runs`."""
        return f"{self.scope}.{self.measure}"

    @property
    def sentence(self) -> str:
        """Return the violation in words, addressed to the person who launches."""
        counted = self.measure in (Measure.RUNS, Measure.GPUS)
        would, most = (f"{value:,.0f}" if counted else f"{value:,.2f}" for value in (self.would, self.most))
        return say(FULL[self.scope, self.measure], would=would, most=most)


def excesses(policy: Policy, ledger: Ledger, wanted: Hold, month: str) -> list[Excess]:
    """Return every cap that the reservation would exceed, the narrowest scope first.

    A cap counts only if the reservation grows by its measure: a run keeps what it has reserved already.
    """
    found = []
    held = next((one for one in ledger.holds if one.run == wanted.run), None)
    for scope in Scope:
        for measure in Measure:
            most = ledger.most(policy, scope, measure, wanted)
            asked = wanted.of(measure)
            would = ledger.taken(scope, measure, wanted, month) + asked
            # A run is checked again when its budget changes: only the measures by which it grows can violate a cap.
            grows = asked > (held.of(measure) if held else 0)
            if most is not None and grows and would > most:
                found.append(Excess(scope, measure, most, would))
    return found


def admitted(run: Run, ledger: Ledger, policy: Policy, now: datetime, zone: tzinfo) -> Run:
    """Return the run with the approval that it needs, and with the report-only caps that would have refused it.

    Raises:
        UserError: the run would exceed a cap; the message says what to do instead.
    """
    wanted = hold(run)
    over = excesses(policy, ledger, wanted, month_of(now, zone)) if wanted else []
    enforced = [one for one in over if not policy.is_shadow(one.rule)]
    # All caps in one refusal, so that the person does not correct one after the other.
    if enforced:
        sentences = together(*(one.sentence for one in enforced))
        raise Denied(sentences, way_out(enforced), act=enforced[0].rule, on=run.id)
    for one in over:
        run = run.shadowed(Shadow(one.rule, now, run.cost(now)))
    return settle_approval(run, ledger, policy, now)


def way_out(over: list[Excess]) -> str:
    """Return what the person may do about the violations, a sentence."""
    if any(one.measure is not Measure.DOLLARS_PER_MONTH for one in over):
        return say("End one first: `/verl list` shows them, and `/verl budget` what is taken.")
    return say("Ask for less, with `budget=`: `/verl budget` shows what is left.")
