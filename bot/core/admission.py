"""Whether a launch, or a larger budget, fits under the caps, and whom it waits for. What is held the ledger says."""

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
"""Weighs a run against what others hold: the run as it is recorded, or a UserError where it does not fit."""


def uncapped(run: Run, ledger: Ledger) -> Run:  # an Admit
    """Weighs it against nothing."""
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
    """A cap that would be passed.

    Attributes:
        most: what is allowed; would: what it would come to.
    """

    scope: Scope
    measure: Measure
    most: float
    would: float

    @property
    def rule(self) -> str:
        return f"{self.scope}.{self.measure}"

    @property
    def sentence(self) -> str:
        """In words, to the person who asked."""
        counted = self.measure in (Measure.RUNS, Measure.GPUS)
        would, most = (f"{value:,.0f}" if counted else f"{value:,.2f}" for value in (self.would, self.most))
        return say(FULL[self.scope, self.measure], would=would, most=most)


def excesses(policy: Policy, ledger: Ledger, wanted: Hold, month: str) -> list[Excess]:
    """Every cap that would be passed, the narrowest scope first; by what grows: what a run holds already, it keeps."""
    found = []
    held = next((one for one in ledger.holds if one.run == wanted.run), None)
    for scope in Scope:
        for measure in Measure:
            most = ledger.most(policy, scope, measure, wanted)
            asked = wanted.of(measure)
            would = ledger.taken(scope, measure, wanted, month) + asked
            grows = asked > (held.of(measure) if held else 0)
            if most is not None and grows and would > most:
                found.append(Excess(scope, measure, most, would))
    return found


def admitted(run: Run, ledger: Ledger, policy: Policy, now: datetime, zone: tzinfo) -> Run:
    """The run, with what caps in shadow would have refused, and with the approval that it waits for.

    Raises:
        UserError: it would pass a cap; what to do instead is said.
    """
    wanted = hold(run)
    over = excesses(policy, ledger, wanted, month_of(now, zone)) if wanted else []
    enforced = [one for one in over if not policy.is_shadow(one.rule)]
    if enforced:
        sentences = together(*(one.sentence for one in enforced))
        raise Denied(sentences, way_out(enforced), act=enforced[0].rule, on=run.id)
    for one in over:
        run = run.shadowed(Shadow(one.rule, now, run.cost(now)))
    return settle_approval(run, ledger, policy, now)


def way_out(over: list[Excess]) -> str:
    """What a person may do about it."""
    if any(one.measure is not Measure.DOLLARS_PER_MONTH for one in over):
        return say("End one first: `/verl list` shows them, and `/verl budget` what is taken.")
    return say("Ask for less, with `budget=`: `/verl budget` shows what is left.")
