"""One failing check never hides the next, none takes longer than its time, and none is made in vain."""

import json
from threading import Event

import pytest

from bot.cli.doctor import checklist
from bot.cli.doctor.checklist import DoctorCheck, DoctorFinding, DoctorStatus, failure, ok, run_checks, skip, warning
from bot.errors import Unavailable


def saying(*findings: DoctorFinding) -> DoctorCheck:
    return DoctorCheck(tuple(one.subject for one in findings), lambda: findings)


def test_findings_come_in_the_order_of_the_checks() -> None:
    late, early = Event(), Event()

    def slow() -> tuple[DoctorFinding, ...]:
        early.set()
        return (ok("a", "waited") if late.wait(20) else failure("a", "nobody came", "x"),)

    def quick() -> tuple[DoctorFinding, ...]:
        found = early.wait(20)
        late.set()
        return (ok("b", str(found)),)

    found = [
        one.subject for some in run_checks([DoctorCheck(("a",), slow), DoctorCheck(("b",), quick)], 30) for one in some
    ]
    assert found == ["a", "b"]


def test_a_check_that_hangs_has_failed_and_holds_up_no_other() -> None:
    never = Event()
    hanging = DoctorCheck(("store", "store's disk"), lambda: [ok("store", str(never.wait()))])
    store, after = run_checks([hanging, saying(ok("clock", "as Slack's"))], 0.05)
    never.set()
    assert [one.status for one in store] == [DoctorStatus.FAILURE, DoctorStatus.SKIPPED]
    assert "no answer within 0.05 s" in str(store[0].result)
    assert "VERLBOT_DOCTOR_SECONDS" in str(store[0].advice)
    assert after == (ok("clock", "as Slack's"),)


def test_a_check_with_a_mistake_in_it_says_so_and_hides_nothing() -> None:
    def mistaken() -> tuple[DoctorFinding, ...]:
        raise ZeroDivisionError("division by zero")

    first, second = run_checks([DoctorCheck(("a",), mistaken), saying(ok("b", "well"))], 5)
    assert first[0].status is DoctorStatus.FAILURE
    assert "ZeroDivisionError: division by zero" in str(first[0].result)
    assert second[0].status is DoctorStatus.OK


def test_silence_of_the_outside_is_no_mistake_of_the_checks() -> None:
    def silent() -> tuple[DoctorFinding, ...]:
        raise Unavailable("SkyPilot did not answer within 30 s.")

    ((found, other),) = run_checks([DoctorCheck(("recipes", "recipes' secrets"), silent)], 5)
    assert (found.status, found.result) == (DoctorStatus.FAILURE, "SkyPilot did not answer within 30 s.")
    assert str(other.result) == "not checked, because recipes has a problem"


@pytest.mark.parametrize(
    ("first", "made"),
    [
        pytest.param(ok("server", "healthy"), True, id="after a good one"),
        pytest.param(DoctorFinding(DoctorStatus.WARNING, "server", "newer", "x"), True, id="after a warning"),
        pytest.param(failure("server", "gone", "x"), False, id="after a failure"),
        pytest.param(
            DoctorFinding(DoctorStatus.SKIPPED, "server", "not checked"), False, id="after one that was not made"
        ),
    ],
)
def test_what_rests_on_a_failed_check_is_not_made_and_says_why(first: DoctorFinding, made: bool) -> None:
    asked: list[str] = []

    def look() -> tuple[DoctorFinding, ...]:
        asked.append("infra")
        return (ok("infra", "slurm"),)

    _, (infra,) = run_checks([saying(first), DoctorCheck(("infra",), look, ("server",))], 5)
    assert bool(asked) is made
    assert made or infra == DoctorFinding(DoctorStatus.SKIPPED, "infra", "not checked, because server has a problem")


def test_a_check_without_its_setting_is_not_made() -> None:
    hindered = DoctorCheck(("a", "b"), list, blocker="SLACK_BOT_TOKEN is missing or wrong")
    assert [one.result for some in run_checks([hindered], 5) for one in some] == 2 * [
        "not checked, because SLACK_BOT_TOKEN is missing or wrong"
    ]


ALL = [
    ok("clock", "as Slack's"),
    warning("prices", "L4:1 unpriced", "Set VERLBOT_PRICES."),
    skip("bot", "none runs"),
]


def test_a_line_has_a_mark_what_was_found_and_what_to_do() -> None:
    assert checklist.format_finding(ALL[0], 80) == "✓ clock                 as Slack's"
    assert checklist.format_finding(ALL[1], 80).splitlines()[1] == " " * 24 + "→ Set VERLBOT_PRICES."
    assert checklist.format_finding(ALL[2], 80).startswith("– bot ")
    assert (
        checklist.summary_line([*ALL, failure("store", "gone", "Start it.")]) == "1 failure; 1 warning; 1 not checked."
    )


def test_a_program_is_told_the_worst() -> None:
    assert json.loads(checklist.format_json(ALL))["status"] == "warning"
    assert json.loads(checklist.format_json([*ALL, failure("store", "gone", "Start it.")]))["status"] == "failure"
    assert json.loads(checklist.format_json(ALL[2:]))["status"] == "ok"
    assert json.loads(checklist.format_json(ALL))["findings"][1] == {
        "status": "warning", "subject": "prices", "result": "L4:1 unpriced", "advice": "Set VERLBOT_PRICES."
    }  # fmt: skip
