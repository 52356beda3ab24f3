"""The autostop of an external launch: added, shortened, refused, or left to people."""

from collections.abc import Mapping
from typing import Any

import pytest

from bot.core.model.policy import AutostopRemedy, ExternalLaunchPolicy
from bot.core.rules.external_autostop import enforce_autostop


def resources(task: Mapping[str, Any]) -> Any:
    return task["resources"]


@pytest.mark.parametrize(
    ("asked", "becomes"),
    [
        pytest.param({}, {"autostop": {"down": True, "idle_minutes": 30}}, id="none"),
        pytest.param({"autostop": False}, {"autostop": {"down": True, "idle_minutes": 30}}, id="refused one"),
        pytest.param(
            {"autostop": {"idle_minutes": -1, "down": False}},
            {"autostop": {"down": True, "idle_minutes": 30}},
            id="cancelled by -i -1",
        ),
        pytest.param({"autostop": {"idle_minutes": 30}}, {"autostop": {"idle_minutes": 30}}, id="the longest"),
        pytest.param({"autostop": {"idle_minutes": 0}}, {"autostop": {"idle_minutes": 0}}, id="at once"),
        pytest.param(
            {"autostop": {"idle_minutes": 90, "down": False, "wait_for": "none"}},
            {"autostop": {"idle_minutes": 30, "down": False, "wait_for": "none"}},
            id="longer, with words of its own",
        ),
        pytest.param({"autostop": "2h"}, {"autostop": {"idle_minutes": 30}}, id="longer, as a word"),
        pytest.param({"infra": "verda"}, {"infra": "verda"}, id="where there is none"),
        pytest.param(
            {"any_of": [{"infra": "aws"}, {"infra": "verda"}, {"infra": "k8s", "autostop": {"idle_minutes": 5}}]},
            {
                "any_of": [
                    {"infra": "aws", "autostop": {"down": True, "idle_minutes": 30}},
                    {"infra": "verda"},
                    {"infra": "k8s", "autostop": {"idle_minutes": 5}},
                ]
            },
            id="each of several",
        ),
    ],
)
def test_what_would_not_remove_itself_in_time_is_made_to(asked: dict[str, Any], becomes: dict[str, Any]) -> None:
    kept = enforce_autostop({"run": "echo hi", "resources": asked}, ExternalLaunchPolicy())
    assert (kept.refusal, resources(kept.task)) == ("", becomes)
    assert (kept.task["run"] == "echo hi") == (asked == becomes), "the job says it in its log, and only then"
    assert enforce_autostop(kept.task, ExternalLaunchPolicy()) == kept, "SkyPilot asks several times"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "It has no autostop; 30 idle minutes are the most"),
        ({"autostop": {"idle_minutes": 90}}, "Its autostop of 90 idle minutes is too long"),
        ({"autostop": {"idle_minutes": 9}}, ""),
    ],
)
def test_a_team_may_have_it_refused(asked: dict[str, Any], why: str) -> None:
    refusal = enforce_autostop({"resources": asked}, ExternalLaunchPolicy(autostop=AutostopRemedy.REFUSE)).refusal
    assert str(refusal).startswith(why)
    assert bool(refusal) == bool(why)


def test_a_team_may_leave_it_to_people() -> None:
    assert enforce_autostop({"run": "a"}, ExternalLaunchPolicy(autostop_idle_minutes=None)).task == {"run": "a"}
