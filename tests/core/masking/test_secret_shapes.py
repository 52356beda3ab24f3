"""The table of shapes: each is anchored where a search finds it, and names its kind without a secret."""

import re

import pytest

from bot.core.masking.secret_shapes import (
    ADDRESS,
    AWS_SECRET_KEY,
    BLOCK_EDGE,
    COMMIT_BEFORE,
    SHAPE_ANCHORS,
    SHAPES,
    WANDB_CONTEXT,
    Shape,
)
from bot.runtime.secret_filter import GENERAL_MASKER

HEX32, MIXED = "0123456789abcdef" * 2, "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD"

SECRETS = {
    "AKIA…": "AKIA" + "ABCDEFGH23456789",
    "SK…": "SK" + HEX32,
    "SEC…": "SEC" + HEX32 * 2,
    "sq0…": "sq0atp-" + MIXED[:22],
    "pat…": "pat" + MIXED[:14] + "." + HEX32 * 2,
    "webhook of Slack": "https://hooks.slack.com/services/T00000000/B00000000/" + MIXED[:24],
    "webhook of Discord": "https://discord.com/api/webhooks/123456789012345678/" + MIXED,
    "mailgun": "key-" + HEX32,
    "sshpass": "sshpass -p hunter2 ssh host",
    "mysql": "mysql -u ana -phunter2 runs",
    "redis-cli": "redis-cli -h host -a hunter2 ping",
    "docker": "docker login -u ana -p hunter2 registry",
    "curl": "curl -u ana:hunter2 https://host",
    "a shell's variable": "setenv HF_TOKEN abc123def",
    "a password in Chinese": "密码：hunter2x",
    "a password in German": "Passwort: hunter2x",
    "requirepass": "requirepass hunter2",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_each_kind_is_masked_and_the_rest_of_its_line_stays(text: str) -> None:
    shown = GENERAL_MASKER.mask(f"before {text}")
    assert shown != f"before {text}"
    assert shown.startswith("before ")
    assert "hunter2" not in shown
    assert GENERAL_MASKER.find_secret(text) is not None


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.label} {shape.anchor.pattern[:20]!r}")
def test_a_shape_has_one_group_and_its_anchor_is_searched_for(shape: Shape) -> None:
    assert shape.form.groups == 1
    assert shape.anchor.pattern in SHAPE_ANCHORS
    assert shape.anchor.match(b"") is None


def test_no_anchor_matches_nothing_or_a_line_of_metrics() -> None:
    anywhere = re.compile(b"|".join(SHAPE_ANCHORS))
    assert anywhere.search(b"") is None
    assert anywhere.search(b"step:12 - critic/rewards/mean:0.561 - actor/lr:1e-06 - perf/mfu:0.41") is None


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        pytest.param(BLOCK_EDGE, b"-----BEGIN RSA PRIVATE KEY-----", True, id="a private key"),
        pytest.param(BLOCK_EDGE, b"-----END PRIVATE KEY-----", True, id="an end"),
        pytest.param(BLOCK_EDGE, b"-----BEGIN PUBLIC KEY-----", False, id="a public key"),
        pytest.param(BLOCK_EDGE, b"-----BEGIN CERTIFICATE-----", False, id="a certificate"),
        pytest.param(ADDRESS, b"://ana:x@localhost/", True, id="this machine"),
        pytest.param(ADDRESS, b"://a b:x@host.org", False, id="a space"),
        pytest.param(WANDB_CONTEXT, b"Weights & Biases: please login ", True, id="W&B"),
        pytest.param(WANDB_CONTEXT, b"wandb: run saved ", False, id="a run of W&B"),
        pytest.param(COMMIT_BEFORE, b"at revision: ", True, id="a revision"),
        pytest.param(COMMIT_BEFORE, b"recommitted the key ", False, id="part of a word"),
        pytest.param(AWS_SECRET_KEY, b" " + b"a/B3" * 10 + b" ", True, id="forty characters"),
        pytest.param(AWS_SECRET_KEY, b"a/B3" * 11, False, id="more than forty"),
    ],
)
def test_a_context_is_recognised(pattern: re.Pattern[bytes], text: bytes, matches: bool) -> None:
    assert (pattern.search(text) is not None) is matches
