"""Whether the same launch may succeed at another try follows from the cause."""

import pytest

from benchmarks.death_labels import KINDS_BY_LABEL, label_failure
from bot.core.model.failure import FailureKind, FailureSummary, RetryEffect
from bot.core.rules.failure_causes import CAUSES_BY_KIND


@pytest.mark.parametrize(
    ("effect", "kinds"),
    [
        (
            RetryEffect.HELPS,
            {
                FailureKind.NODE_LOST,
                FailureKind.NETWORK,
                FailureKind.TERMINATED,
                FailureKind.PORT_IN_USE,
                FailureKind.RAY_UNREACHABLE,
                FailureKind.RENDEZVOUS,
                FailureKind.GPU_HARDWARE,
                FailureKind.NCCL_NETWORK,
                FailureKind.MOUNT_LOST,
                FailureKind.PACKAGES_LOCKED,
            },
        ),
        (RetryEffect.NOT_NEEDED, {FailureKind.TEARDOWN}),
    ],
    ids=["helps", "is not needed"],
)
def test_a_retry_helps_against_what_the_settings_did_not_cause(effect: RetryEffect, kinds: set[FailureKind]) -> None:
    assert {kind for kind, cause in CAUSES_BY_KIND.items() if cause.retry is effect} == kinds


@pytest.mark.parametrize("kind", FailureKind)
def test_a_cause_is_a_sentence(kind: FailureKind) -> None:
    sentence = CAUSES_BY_KIND[kind].sentence
    assert sentence.endswith(".")
    assert "{" not in sentence


def test_a_kind_has_one_label_of_the_corpus() -> None:
    kinds = [kind for kinds in KINDS_BY_LABEL.values() for kind in kinds]
    assert len(kinds) == len(set(kinds))
    assert label_failure(FailureSummary("KeyError", FailureKind.EXCEPTION)) == "traceback"
    assert label_failure(FailureSummary("Killed", FailureKind.KILLED)) == "oom_killer"
    assert label_failure(None) == ""
