"""Every reason for which a run ends has its words."""

from string import Formatter

import pytest

from bot.core.model.run_state import Reason
from bot.slack.views.outcome_labels import OUTCOME_LABELS, SAVING_LABELS


def test_every_reason_has_labels() -> None:
    assert set(OUTCOME_LABELS) == set(Reason)
    assert set(SAVING_LABELS) <= set(Reason)


def test_no_two_reasons_have_the_same_state() -> None:
    states = [labels.state for labels in OUTCOME_LABELS.values()]
    assert len(set(states)) == len(states)


@pytest.mark.parametrize("reason", Reason)
def test_the_headline_of_an_end_names_the_run_and_says_no_more_than_is_known(reason: Reason) -> None:
    labels = OUTCOME_LABELS[reason]
    fields = {name for _, name, _, _ in Formatter().parse(labels.ended) if name}
    assert "run" in fields
    assert fields <= {"run", "time", "person"}
    assert {name for _, name, _, _ in Formatter().parse(labels.stopping) if name} == {"run"} | (
        {"person"} if reason is Reason.STOPPED else set()
    )
    assert labels.icon.startswith(":")
    assert labels.icon.endswith(":")
