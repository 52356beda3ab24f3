"""Admission: whether a launch, or a larger budget, fits under the caps, and whether it needs an approval.

The ledger says what open runs reserve.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from bot.core.model.ledger import Ledger, Reservation, build_reservation, format_month
from bot.core.model.people import Actor, exclude_person
from bot.core.model.policy import Measure, Policy, Scope
from bot.core.model.run import Run
from bot.core.model.run_state import PolicyHit
from bot.core.rules.approval_rules import update_approval
from bot.errors import Denied
from bot.phrase import N_, Phrase, Text, join_list, join_sentences, name_channel, name_person

AdmissionCheck = Callable[[Run, Ledger], Run]
"""A check of a run against the reservations of others: it returns the run to record, or raises a UserError."""


class Admission(Protocol):
    """The same check for a person who reads its refusal."""

    def __call__(self, run: Run, ledger: Ledger, reader: Actor | None = None) -> Run:
        """Return the run to record.

        Args:
            reader: the person who reads a refusal; None where all do who read why the run ended.

        Raises:
            UserError: the run would exceed a cap.
        """


def admit_all(run: Run, ledger: Ledger, reader: Actor | None = None) -> Run:  # an Admission
    """Return the run as it is, checked against no cap."""
    return run


CAP_VIOLATIONS = {
    (Scope.PERSON, Measure.RUNS): N_("Your limit of runs at once is {most}; with this one you would have {would}."),
    (Scope.PERSON, Measure.GPUS): N_("Your limit of GPUs at once is {most}; with this run you would use {would}."),
    (Scope.PERSON, Measure.DOLLARS_PER_HOUR): N_("Your runs would cost ${would} an hour; your limit is ${most}."),
    (Scope.PERSON, Measure.DOLLARS_PER_MONTH): N_(
        "This would bring your runs this month to ${would}; your limit is ${most}."
    ),
    (Scope.TEAM, Measure.RUNS): N_(
        "This channel's limit of runs at once is {most}; with this one it would have {would}."
    ),
    (Scope.TEAM, Measure.GPUS): N_(
        "This channel's limit of GPUs at once is {most}; with this run it would use {would}."
    ),
    (Scope.TEAM, Measure.DOLLARS_PER_HOUR): N_(
        "This channel's runs would cost ${would} an hour; its limit is ${most}."
    ),
    (Scope.TEAM, Measure.DOLLARS_PER_MONTH): N_(
        "This would bring this channel's runs this month to ${would}; its limit is ${most}."
    ),
    (Scope.WORKSPACE, Measure.RUNS): N_(
        "The workspace's limit of runs at once is {most}; with this one it would have {would}."
    ),
    (Scope.WORKSPACE, Measure.GPUS): N_(
        "The workspace's limit of GPUs at once is {most}; with this run it would use {would}."
    ),
    (Scope.WORKSPACE, Measure.DOLLARS_PER_HOUR): N_(
        "The workspace's runs would cost ${would} an hour; its limit is ${most}."
    ),
    (Scope.WORKSPACE, Measure.DOLLARS_PER_MONTH): N_(
        "This would bring the workspace's runs this month to ${would}; its limit is ${most}."
    ),
}
CAP_VIOLATIONS_OF_OTHERS = CAP_VIOLATIONS | {
    (Scope.PERSON, Measure.RUNS): N_("{person}'s limit of runs at once is {most}; with this one it would be {would}."),
    (Scope.PERSON, Measure.GPUS): N_("{person}'s limit of GPUs at once is {most}; with this run it would be {would}."),
    (Scope.PERSON, Measure.DOLLARS_PER_HOUR): N_(
        "The runs of {person} would cost ${would} an hour; the limit is ${most}."
    ),
    (Scope.PERSON, Measure.DOLLARS_PER_MONTH): N_(
        "This would bring the runs of {person} this month to ${would}; the limit is ${most}."
    ),
    (Scope.TEAM, Measure.RUNS): N_("{channel}'s limit of runs at once is {most}; with this one it would be {would}."),
    (Scope.TEAM, Measure.GPUS): N_("{channel}'s limit of GPUs at once is {most}; with this run it would be {would}."),
    (Scope.TEAM, Measure.DOLLARS_PER_HOUR): N_(
        "The runs of {channel} would cost ${would} an hour; the limit is ${most}."
    ),
    (Scope.TEAM, Measure.DOLLARS_PER_MONTH): N_(
        "This would bring the runs of {channel} this month to ${would}; the limit is ${most}."
    ),
}
"""The same for readers other than the person who launches, and elsewhere: each cap by its owner."""


@dataclass(frozen=True, slots=True)
class CapViolation:
    """A cap that a launch would exceed.

    Attributes:
        cap: the limit; total: the total that the launch would bring it to; requested: the launch's part of it.
        reserved: what the run has reserved already; 0 for a launch.
    """

    scope: Scope
    measure: Measure
    cap: float
    total: float
    requested: float
    reserved: float = 0.0

    @property
    def rule(self) -> str:
        """Return the name of the rule that sets the cap, such as `person.runs`."""
        return f"{self.scope}.{self.measure}"

    @property
    def cents_left(self) -> int:
        """Return the whole cents that other runs leave of a monthly budget."""
        return max(math.floor(100 * (self.cap - (self.total - self.requested)) + 1e-6), 0)

    @property
    def sentence(self) -> Text:
        """Return the violation in words, addressed to the person who launches."""
        return Phrase(CAP_VIOLATIONS[self.scope, self.measure], **self.sentence_values)

    @property
    def sentence_values(self) -> Mapping[str, str]:
        """Return the numbers of the violation, dollars to the cent."""
        counted = self.measure in (Measure.RUNS, Measure.GPUS)
        would, most = (f"{value:,.0f}" if counted else f"{value:,.2f}" for value in (self.total, self.cap))
        return {"would": would, "most": most}

    def describe_to_others(self, run: Run) -> Text:
        """Return the violation by a recorded run in words, with the owner of the cap."""
        owners = {"person": name_person(run.requester), "channel": name_channel(run.channel)}
        return Phrase(CAP_VIOLATIONS_OF_OTHERS[self.scope, self.measure], **self.sentence_values, **owners)


def find_cap_violations(policy: Policy, ledger: Ledger, run_reservation: Reservation, month: str) -> list[CapViolation]:
    """Return every cap that the reservation would exceed, the narrowest scope first.

    A cap counts only if the reservation grows by its measure: a run keeps what it has reserved already.
    """
    violations = []
    current = next((other for other in ledger.reservations if other.run_id == run_reservation.run_id), None)
    for scope in Scope:
        for measure in Measure:
            cap = ledger.get_cap(policy, scope, measure, run_reservation)
            requested, reserved = run_reservation.get_amount(measure), current.get_amount(measure) if current else 0
            total = ledger.sum_usage_by_others(scope, measure, run_reservation, month) + requested
            # A run is checked again when its budget changes: only the measures by which it grows can violate a cap.
            if cap is not None and requested > reserved and total > cap:
                violations.append(CapViolation(scope, measure, cap, total, requested, reserved))
    return violations


def admit_run(
    run: Run, ledger: Ledger, policy: Policy, now: datetime, zone: tzinfo, reader: Actor | None = None
) -> Run:
    """Return the run with the approval that it needs, and with the report-only caps that would have refused it.

    Args:
        reader: the person who reads a refusal; None for all. An approver may raise a monthly budget, her own too.

    Raises:
        UserError: the run would exceed a cap; the message says what to do instead.
    """
    run_reservation = build_reservation(run)
    violations = (
        find_cap_violations(policy, ledger, run_reservation, format_month(now, zone)) if run_reservation else []
    )
    enforced = [violation for violation in violations if not policy.is_report_only(violation.rule)]
    # All caps in one refusal, so that the person does not correct one after the other.
    if enforced:
        # A recorded run is checked again for a larger budget, or for all who read why it ended.
        is_launch = all(reservation.run_id != run.id for reservation in ledger.reservations)
        is_own = reader is not None and reader.user == run.requester
        may_raise = reader is not None and reader.may_raise_months
        sentences = join_sentences(
            *(
                violation.sentence
                if is_launch or (is_own and violation.scope is Scope.PERSON)
                else violation.describe_to_others(run)
                for violation in enforced
            )
        )
        raise Denied(
            sentences,
            suggest_remedy(enforced, run, may_raise),
            exclude_person(policy.approvers, run.requester) if can_only_be_raised(enforced) and not may_raise else (),
            act=enforced[0].rule,
            on=run.id,
        )
    for violation in violations:
        run = run.record_policy_hit(PolicyHit(violation.rule, now, run.cost(now)))
    return update_approval(run, ledger, policy, now)


HOW_TO_RAISE_MONTH = {
    Scope.PERSON: N_("`/verl budget` {person} `{dollars}`"),
    Scope.TEAM: N_("`/verl budget team {dollars}` in {channel}"),
    Scope.WORKSPACE: N_("`/verl budget workspace {dollars}`"),
}
"""What an approver types to raise a monthly budget. A mention within code would be no mention."""


def list_raising_commands(violations: Iterable[CapViolation], run: Run) -> Phrase:
    """Return the commands that make room for a run in its monthly budgets: each with the least whole dollars."""
    return join_list(
        Phrase(
            HOW_TO_RAISE_MONTH[violation.scope],
            person=name_person(run.requester),
            channel=name_channel(run.channel),
            dollars=math.ceil(violation.total),
        )
        for violation in violations
    )


def can_only_be_raised(violations: list[CapViolation]) -> bool:
    """Return whether no smaller budget helps: a monthly budget has no more left than the run has already."""
    return any(
        violation.measure is Measure.DOLLARS_PER_MONTH and violation.cents_left <= 100 * violation.reserved
        for violation in violations
    )


def suggest_remedy(violations: list[CapViolation], run: Run, may_raise: bool = False) -> Text:
    """Return what lifts the refusal: a sentence for each kind of cap, and only what helps.

    Args:
        may_raise: whether the person who reads it may raise a monthly budget.
    """
    monthly = [violation for violation in violations if violation.measure is Measure.DOLLARS_PER_MONTH]
    at_once = [violation for violation in violations if violation.measure is not Measure.DOLLARS_PER_MONTH]
    sentences: list[Text] = []
    if any(violation.requested > violation.cap for violation in at_once):
        sentences.append(
            Phrase("This run alone is over the limit: launch a smaller one, or ask an admin to change the policy.")
        )
    elif at_once:
        sentences.append(Phrase("Stop a run first: `/verl list` shows the runs, and `/verl budget` what they use."))
    if can_only_be_raised(monthly):
        commands = list_raising_commands(monthly, run)
        one, several = N_("An approver can raise it: {commands}."), N_("An approver can raise them: {commands}.")
        if may_raise:
            one, several = N_("You can raise it: {commands}."), N_("You can raise them: {commands}.")
        sentences.append(Phrase(one if len(monthly) == 1 else several, commands=commands))
    elif monthly:
        left = min(violation.cents_left for violation in monthly) / 100
        smaller = N_("Its budget can be ${left} at most: `budget={left}`.")
        if any(violation.reserved for violation in monthly):
            smaller = N_("Its budget can be ${left} at most: `/verl budget {run} {left}`.")
        sentences.append(Phrase(smaller, left=f"{left:.2f}", run=run.id))
    return join_sentences(*sentences)
