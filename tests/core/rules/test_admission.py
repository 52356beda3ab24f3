"""Caps: no sequence of launches, ends and larger budgets passes one, whatever they are."""

from datetime import UTC
from operator import attrgetter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model.ledger import Ledger, build_ledger_key, build_reservation, build_spending, format_month
from bot.core.model.money import Bill, Rate
from bot.core.model.policy import RULE_NAMES, Caps, Measure, Policy, Scope
from bot.core.model.run import Run
from bot.core.model.run_state import Reason, RunStatus
from bot.core.rules.admission import admit_run, find_cap_violations
from bot.errors import UserError
from tests.builders import NOON, a_run, approvers, at, launching

OURS = build_reservation(a_run(id="ppo-0001", gpus="H100:8"))
THEIRS = build_reservation(a_run(id="ppo-0002", requester="U0BEN", channel="C0OTHER"))
assert OURS
assert THEIRS
HELD = Ledger(
    (OURS, THEIRS),
    {build_ledger_key("2026-01", "person:U0ANA"): 300.0, build_ledger_key("2025-12", "person:U0ANA"): 9_000.0},
)
TWO = a_run(id="ppo-0003", gpus="H100:1")

PASSED = [
    pytest.param(Policy(), TWO, None, id="without a policy there are no caps"),
    pytest.param(Policy(person=Caps(runs=2)), TWO, None, id="just as many as are allowed"),
    pytest.param(
        Policy(person=Caps(runs=1)), TWO, "Your limit of runs at once is 1; with this one you would have 2.", id="runs"
    ),
    pytest.param(
        Policy(person=Caps(gpus=17)),
        TWO,
        "Your limit of GPUs at once is 17; with this run you would use 18.",
        id="GPUs",
    ),
    pytest.param(Policy(person=Caps(gpus=0)), a_run(id="ppo-3"), None, id="what takes no GPU passes no cap of them"),
    pytest.param(
        Policy(person=Caps(dollars_per_hour=7.5)), TWO, "cost $8.00 an hour; your limit is $7.50.", id="dollars an hour"
    ),
    pytest.param(
        Policy(person=Caps(dollars_per_hour=1)),
        a_run(id="ppo-3", rate=None),
        None,
        id="what nobody has priced passes no cap of dollars an hour",
    ),
    pytest.param(
        Policy(person=Caps(dollars_per_month=499)),
        TWO,
        "This would bring your runs this month to $500.00; your limit is $499.00. "
        "Its budget can be $99.00 at most: `budget=99.00`.",
        id="this month's spending, the budgets of open runs and this one's",
    ),
    pytest.param(
        Policy(team=Caps(runs=1)),
        TWO,
        "This channel's limit of runs at once is 1; with this one it would have 2.",
        id="a team's",
    ),
    pytest.param(
        Policy(team=Caps(runs=1), teams={"C0TRAIN": Caps(runs=9)}), TWO, None, id="a channel's own in place of a team's"
    ),
    pytest.param(
        Policy(workspace=Caps(runs=2)),
        TWO,
        "limit of runs at once is 2; with this one it would have 3",
        id="everybody's",
    ),
    pytest.param(
        Policy(person=Caps(runs=1), workspace=Caps(runs=2)),
        TWO,
        "with this one you would have 2. The workspace",
        id="two",
    ),
]


@pytest.mark.parametrize(("policy", "run", "refused"), PASSED)
def test_a_launch_is_refused_by_the_caps_that_it_would_pass(policy: Policy, run: Run, refused: str | None) -> None:
    if refused is None:
        assert admit_run(run, HELD, policy, NOON, UTC) == run
        return
    with pytest.raises(UserError) as caught:
        admit_run(run, HELD, policy, NOON, UTC)
    assert refused in str(caught.value.sentence)


def test_a_run_does_not_stand_in_its_own_way() -> None:
    run = a_run(id="ppo-0001", gpus="H100:8")
    assert admit_run(run, HELD, Policy(person=Caps(runs=1, gpus=16)), NOON, UTC) == run


def test_a_larger_budget_is_held_against_dollars_alone() -> None:
    run = a_run(id="ppo-0001", gpus="H100:8", budget_dollars=150.0)
    assert admit_run(run, HELD, Policy(person=Caps(runs=0, gpus=0, dollars_per_hour=0)), NOON, UTC) == run
    with pytest.raises(UserError, match="the runs of @U0ANA this month to"):
        admit_run(run, HELD, Policy(person=Caps(dollars_per_month=449)), NOON, UTC)


def test_a_run_that_has_cost_more_than_its_budget_holds_what_it_has_cost() -> None:
    held = build_reservation(launching(bill=Bill(1050.0, Rate(4.0, "b"), at(9))))
    assert held
    assert held.dollars == 1050.0


def test_a_cap_in_the_shadow_tells_what_it_would_have_done_once() -> None:
    policy = Policy(person=Caps(runs=1), report_only=("person.runs",))
    run = admit_run(TWO, HELD, policy, NOON, UTC)
    assert [(one.rule, one.at) for one in run.policy_hits] == [("person.runs", NOON)]
    assert admit_run(run, HELD, policy, at(60), UTC) == run


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (
            Policy(report_only=("runs",)),
            "`report_only` names runs, which is none of budget, lease, approval, person.runs",
        ),
        (Policy(approve_above_dollars=5, grants=approvers("U1")), "Approvals need two people at least"),
        (Policy(approve_above_dollars=5, grants=approvers("U1", "U1")), "Approvals need two people at least"),
    ],
)
def test_a_policy_that_cannot_hold_says_why(policy: Policy, problem: str) -> None:
    assert problem in " ".join(policy.find_contradictions())


def test_a_policy_that_can_hold_has_no_problems() -> None:
    policy = Policy(approve_above_dollars=5, grants=approvers("U1", "U2"), report_only=RULE_NAMES)
    assert policy.find_contradictions() == []


def test_a_month_is_the_one_of_the_zone() -> None:
    late = NOON.replace(month=1, day=31, hour=23)
    assert [format_month(late, zone) for zone in (UTC, ZoneInfo("Asia/Shanghai"))] == ["2026-01", "2026-02"]


@pytest.mark.parametrize(
    ("run", "dollars"),
    [
        pytest.param(launching().close(Reason.STOPPED, at(1800)), 2.0, id="by its rate"),
        pytest.param(
            launching(bill=Bill(7.0, Rate(4.0, "b"), at(9), is_closed=True)).close(Reason.STOPPED, at(1800)),
            7.0,
            id="bill",
        ),
        pytest.param(launching(rate=None).close(Reason.STOPPED, at(1800)), None, id="unpriced"),
        pytest.param(a_run().close(Reason.STOPPED, at(1800)), None, id="never launched"),
        pytest.param(launching(), None, id="not over"),
    ],
)
def test_what_a_run_adds_to_the_ledger_with_its_end(run: Run, dollars: float | None) -> None:
    expected = {"2026-01 person:U0ANA": dollars, "2026-01 team:C0TRAIN": dollars, "2026-01 workspace": dollars}
    assert build_spending(run, UTC) == (expected if dollars else {})


CAPS = st.builds(
    Caps,
    runs=st.none() | st.integers(0, 4),
    gpus=st.none() | st.integers(0, 20),
    dollars_per_hour=st.none() | st.floats(0, 40),
    dollars_per_month=st.none() | st.floats(0, 500),
)
POLICIES = st.builds(
    Policy, person=CAPS, team=CAPS, teams=st.dictionaries(st.sampled_from(["C1", "C2"]), CAPS), workspace=CAPS
)
WISHES = st.tuples(
    st.sampled_from(["launch", "launch", "launch", "end", "raise"]),
    st.sampled_from(["U1", "U2", "U3"]),
    st.sampled_from(["C1", "C2"]),
    st.integers(1, 3),
    st.sampled_from(["", "H100:1", "H100:8"]),
    st.sampled_from([1.0, 40.0, 130.0]),
    st.sampled_from([None, 2.0, 12.0]),
)


@pytest.mark.slow
@given(POLICIES, st.lists(WISHES, max_size=20))
def test_no_sequence_of_launches_ends_and_larger_budgets_passes_a_cap(
    policy: Policy, wishes: list[tuple[str, str, str, int, str, float, float | None]]
) -> None:
    runs: list[Run] = []
    spent: dict[str, float] = {}

    def ledger() -> Ledger:
        return Ledger(tuple(held for run in runs if (held := build_reservation(run))), dict(spent))

    for number, (what, person, team, nodes, gpus, budget, rate) in enumerate(wishes):
        try:
            if what == "launch":
                priced = Rate(rate, "a test") if rate else None
                run = a_run(
                    id=f"r-{number}",
                    requester=person,
                    channel=team,
                    nodes=nodes,
                    gpus=gpus,
                    budget_dollars=budget,
                    rate=priced,
                )
                runs.append(admit_run(run, ledger(), policy, NOON, UTC))
            elif what == "raise" and runs:
                larger = runs[-1].limits.budget_dollars + budget
                runs[-1] = admit_run(
                    a_run(**fields(runs[-1]) | {"budget_dollars": larger}), ledger(), policy, NOON, UTC
                )
            elif runs:
                ended = runs.pop(0).record_launch_request(NOON).close(Reason.STOPPED, at(1200))
                for key, dollars in build_spending(ended, UTC).items():
                    spent[key] = spent.get(key, 0.0) + min(dollars, ended.limits.budget_dollars)
        except UserError:
            continue
        held = ledger()
        for one in held.reservations:
            over = find_cap_violations(policy, held, one, "2026-01")
            assert not over, over


def fields(run: Run) -> dict[str, object]:
    names = ("id", "requester", "channel", "plan.nodes", "plan.gpus", "spending.rate")
    return {name.rpartition(".")[2]: attrgetter(name)(run) for name in names}


def test_every_measure_and_scope_is_a_rule() -> None:
    assert {f"{scope}.{measure}" for scope in Scope for measure in Measure} < set(RULE_NAMES)


def test_an_ended_run_holds_nothing() -> None:
    assert build_reservation(a_run(status=RunStatus.ENDED)) is None
