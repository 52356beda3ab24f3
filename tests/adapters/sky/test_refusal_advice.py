"""A refusal of SkyPilot's as people read it: why, where, and what to do."""

import pytest

from bot.adapters.sky.refusal_advice import CAUSE_ADVICE, SHOWN_REASONS, describe_error
from bot.adapters.sky.refusal_causes import RefusalCause
from bot.adapters.sky.sdk_client import REFUSAL_KINDS
from tests.adapters.sky.test_refusal_text import HEAD, attempt


def test_each_cause_has_an_advice() -> None:
    assert set(CAUSE_ADVICE) == set(RefusalCause)


@pytest.mark.parametrize(
    ("kind", "message", "says"),
    [
        pytest.param(
            "ResourcesUnavailableError",
            HEAD + attempt("Azure (westus)", "Reason: results in exceeding approved Total Cores quota. Limit: 0"),
            ["Azure (westus): results in", "Ask Azure for quota", "a retry do not help"],
            id="quota: another try does not help",
        ),
        pytest.param(
            "ResourcesUnavailableError",
            HEAD + attempt("OCI (a)", "Reason: Out of host capacity.") + attempt("AWS (b)", "Found no quota for p5."),
            ["OCI (a): Out of host", "AWS (b): Found no", "no such machine free", "Ask AWS for quota"],
            id="two reasons, two advices",
        ),
        pytest.param(
            "VolumeNotFoundError", "Volume logs not found.", ["`sky volumes apply`", "`volume=`"], id="volume"
        ),
        pytest.param(
            "", "[sky.exceptions.VolumeNotFoundError] Volume logs not found.", ["Volume logs", "apply"], id="by a job"
        ),
        pytest.param("StorageNameError", "Bad name.", ["Bad name. Fix `bucket=`"], id="the kind says it"),
        pytest.param("", "Controller process has exited abnormally (gone).", ["the training did not fail"], id="job"),
        pytest.param("", "Cluster is abnormal because one or more nodes terminated.", ["`/verl resume`"], id="nodes"),
        pytest.param("", "Something new", ["Something new."], id="an unknown reason stays as it is"),
        pytest.param("KeyError", "", ["KeyError."], id="a kind alone"),
        pytest.param(
            "RuntimeError",
            "Failed to find pip wheel for SkyPilot under /a with glob pattern 'skypilot-2.0-*.whl'. "
            "Found: ['/a/skypilot-1.9-py3-none-any.whl']. No wheel file is generated.",
            ["version 2.0 of its wheel, but finds 1.9", "install the same one"],
            id="versions of the wheel",
        ),
    ],
)
def test_a_refusal_says_why_and_what_to_do(kind: str, message: str, says: list[str]) -> None:
    text = str(describe_error(kind, message))
    assert [part for part in says if part not in text] == []


def test_only_some_of_many_reasons_are_shown_and_the_rest_counted() -> None:
    words = ["red", "blue", "grey", "pink", "gold"]
    text = str(describe_error("ResourcesUnavailableError", HEAD + "".join(attempt(w, f"The {w} one.") for w in words)))
    assert "grey: The grey one." in text
    assert "pink" not in text
    assert f"{len(words) - SHOWN_REASONS} more reasons." in text


def test_a_long_reason_ends_after_a_sentence_and_keeps_its_advice() -> None:
    text = str(describe_error("ResourcesUnavailableError", "Sold out. " + "This is a long tale. " * 90))
    assert len(text) < 700
    assert "tale. … The provider" in text


def test_a_missing_volume_is_a_refusal_that_a_second_request_would_meet_again() -> None:
    assert {"VolumeNotFoundError", "StorageSpecError", "StorageNameError"} <= REFUSAL_KINDS
