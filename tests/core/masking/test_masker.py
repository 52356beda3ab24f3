"""What is masked, what stays readable, and that neither depends on what is around a line or on how long it is."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from benchmarks.logs import logs
from bot.core.masking.masker import SHAPE_MASKER
from bot.core.masking.secret_shapes import MASKED
from bot.core.model.metrics import StepMetrics
from bot.runtime.secret_filter import GENERAL_MASKER
from tests.core.rules.health.healthy_runs import dapo, reward_model, small
from tests.secret_corpus import Dice, Planted, corpus

CORPUS = list(corpus(seed=1, each=3))
KINDS = sorted({planted.kind for planted in CORPUS})

READABLE = {
    "a metrics line": "step:12 - critic/rewards/mean:0.561 - perf/total_num_tokens:176128 - actor/lr:np.float64(1e-06)",
    "a commit": "HEAD is now at 3f786850e387550fdab836ed7e6dc881de23001b Fix the reward",
    "a run of W&B": "wandb: Run data is saved locally in wandb/run-20260101_101112-8xk2p0qz",
    "a page of W&B": "wandb: View run at https://wandb.ai/team/verl/runs/8xk2p0qz",
    "a digest of an image": "docker:verlai/verl@sha256:" + "9f86d081884c7d65" * 4,
    "a checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  model.safetensors",
    "a checksum of npm's": "integrity sha512-" + Dice(3).blob(64),
    "a UUID": "request 550e8400-e29b-41d4-a716-446655440000 has failed",
    "an address on a GPU": "CUDA error at 0x7f3a9c000000: an illegal memory access was encountered",
    "an object of Ray's": "ObjectRef(00ffffffffffffffffffffffffffffffffffffff0100000002e1f505)",
    "a mangled name": "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_11FillFunctorIN3c108BFloat16EEE",
    "a path": "/root/.cache/huggingface/hub/models--Qwen--Qwen2.5/snapshots/7ae557604adf67be50417f59c2c2f167def9a775",
    "an image in base64": "src=data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8",
    "tokens of a vocabulary": "bos_token='<|im_start|>' eos_token='<|im_end|>' pad_token_id=151643 stop_token: Ġthe",
    "limits of tokens": "ppo_max_token_len_per_gpu=16384 num_tokens: 512 max_new_tokens=1024 tokens/s: 2381.5",
    "keys of columns": "prompt_key='prompt', reward_fn_key='data_source', image_key=images, 'key': 'val-core/gsm8k'",
    "words with a prefix": "pip install hf_transfer sk-learn npm_config_registry as-is pa-rallel ls__init__",
    "names of classes": "FSDPCheckpointManager(AutoModelForCausalLM), Qwen2ForCausalLM, ConnectionRefusedError",
    "kernels": "ampere_bf16_s16816gemm_bf16_128x128_ldg8_f2f_stages_32x5_tn",
    "a variable": "export HF_TOKEN=$HF_TOKEN WANDB_API_KEY=${WANDB_API_KEY} password=os.environ['X'] token=None",
    "stars": "api_key='**********' password: <your password> SECRET=xxxxxx",
    "addresses": "tcp://10.0.0.1:6379 http://localhost:8265/jobs git@github.com:org/repo.git ssh://git@host/x s3://b/k@v1",
    "a mail": "contact ana@example.org or https://example.org/x?email=ana@example.org",
    "requirements": "torch==2.9.0 flash-attn==2.8.3 numpy==1.26.4",
    "a date": "2026-01-02 10:11:12,345 INFO 20260102:101112 took 12:34:56",
    "an answer": "[response] The secret is that the token is invalid, so the key is to authorize first.",
    "a URL of a model": "https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct/resolve/main/model-00001-of-00002.safetensors",
    "a session of Ray": "/tmp/ray/session_2026-01-02_10-11-12_345678/logs/worker-" + "0123456789abcdef" * 2 + ".err",
    "a commit beside W&B": "wandb: login is fine, at commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "basic and bearer as words": "Basic ResNet50V2 model, basic auth12 test, bearer of tokens",
    "flags of commands": "mysql -u ana -p runs; docker login --password-stdin; redis-cli -p 6379 ping; sshpass -e x",
    "settings without secrets": "set EOS_TOKEN 151643; ENV HF_TOKEN $HF_TOKEN; set TOKEN to something",
    "words in Chinese": "令牌: 512, 密码错误, 请输入密码：，密钥是 ${KEY}",
    "a managed secret's name": "secret_name=hf-token secretName: wandb KEY_FILE=/etc/ssl/key.pem",
}


def of_kind(kind: str) -> list[Planted]:
    return [planted for planted in CORPUS if planted.kind == kind]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_secret_is_left(kind: str) -> None:
    for planted in of_kind(kind):
        shown = GENERAL_MASKER.mask(planted.text)
        assert planted.leak(shown) == "", planted.text
        assert MASKED in shown
        assert GENERAL_MASKER.mask(shown) == shown


def test_the_corpus_has_four_hundred_secrets() -> None:
    assert len({planted.secret for planted in CORPUS}) >= 400


@pytest.mark.thorough
def test_nothing_is_left_of_forty_thousand_secrets() -> None:
    assert [one for seed in range(90) for one in corpus(seed, each=3) if one.leak(GENERAL_MASKER.mask(one.text))] == []


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert GENERAL_MASKER.mask(text) == text
    assert GENERAL_MASKER.find_secret(text) is None


TRAININGS = {
    "dapo": lambda: printed(dapo(0)),
    "with a reward model": lambda: printed(reward_model(0)),
    "small": lambda: printed(small(0)),
    "as benchmarks read it": lambda: "".join(text for _, text in logs()),
}
"""The last is of the folder that VERLBOT_LOGS names, where it names one."""


def printed(rows: Sequence[StepMetrics]) -> str:
    values = (" - ".join(f"{key}:{value}" for key, value in row.values.items()) for row in rows)
    return "".join(f"step:{at} - {pairs}\n" for at, pairs in enumerate(values))


@pytest.mark.parametrize("make", TRAININGS.values(), ids=TRAININGS)
def test_one_line_in_a_thousand_of_a_training_is_masked_at_the_most(make: Callable[[], str]) -> None:
    before = make().split("\n")
    masked = [
        (was, now)
        for was, now in zip(before, GENERAL_MASKER.mask("\n".join(before)).split("\n"), strict=True)
        if was != now
    ]
    assert len(masked) <= len(before) / 1000, masked


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("private key")])
def test_a_line_is_masked_the_same_way_whatever_is_around_it(kind: str) -> None:
    around = ["step:1 - a:1", "", "-----BEGIN PRIVATE KEY-----", "password: x", "Traceback (most recent call last):"]
    for planted in of_kind(kind):
        alone = GENERAL_MASKER.mask(planted.text)
        for before, after in [(around, []), ([], around), (around, around[::-1])]:
            shown = GENERAL_MASKER.mask("\n".join([*before, planted.text, *after])).split("\n")
            assert shown[len(before)] == alone


def test_a_private_key_is_masked_line_by_line_the_same_in_every_look() -> None:
    text = next(one.text for seed in range(9) for one in corpus(seed) if one.text.startswith("-----BEGIN RSA"))
    lines = ["first", *text.split("\n"), "last"]
    whole = GENERAL_MASKER.mask("\n".join(lines)).split("\n")
    looks = [(start, GENERAL_MASKER.mask("\n".join(lines[start:])).split("\n")) for start in range(len(lines) - 1)]
    assert all(look == whole[start:] for start, look in looks)
    assert all(GENERAL_MASKER.mask("\n".join(lines[:end])).split("\n") == whole[:end] for end in range(1, len(lines)))


LEADS = [
    "[rank3]: \x1b[36m(head, rank=0, pid=7)\x1b[0m ",
    "[default0]:",
    "2026-11-29T12:00:00.123456789Z stdout F ",
    "2026-11-29 12:00:00,123 ",
    "INFO:root:key ",
    "(w) INFO f(x): ",
    "12:00:01 | app.py:12 | ",
]


@pytest.mark.parametrize("lead", LEADS)
def test_a_private_key_is_masked_to_its_last_line_behind_any_lead(lead: str) -> None:
    """Its last line is short, and looks like a word by itself."""
    lines = ["-----BEGIN OPENSSH PRIVATE KEY-----", "aB3+" * 17 + "xY", "7yXLVAzO", "-----END OPENSSH PRIVATE KEY-----"]
    printed = [lead + line for line in ["hi", *lines, "hello"]]
    shown = [line.removeprefix(lead) for line in GENERAL_MASKER.mask("\n".join(printed)).split("\n")]
    assert shown == ["hi", lines[0], MASKED, MASKED, lines[3], "hello"]
    cut = [line.removeprefix(lead) for line in GENERAL_MASKER.mask("\n".join(printed[2:])).split("\n")]
    assert cut == [MASKED, MASKED, lines[3], "hello"]


def test_two_nodes_that_print_at_once_hide_no_line_of_a_key() -> None:
    key = next(one for seed in range(9) for one in corpus(seed) if one.text.startswith("-----BEGIN RSA"))
    head = [f"(head, rank=0, pid=7) {line}" for line in key.text.split("\n")]
    mixed = "\n".join(line for one in head for line in (one, "(worker1, rank=1, pid=9) step:3 - a:0.5"))
    shown = GENERAL_MASKER.mask(mixed)
    assert all(key.leak(line) == "" for line in shown.split("\n"))
    assert shown.count("step:3 - a:0.5") == len(head)


CUTS = {
    "a token that is just being printed": ("using hf_aB3dE6g", "using hf_…(masked)"),
    "a token that was shortened": ("using ghp_aB3dE6g… and so on", "using ghp_…(masked)… and so on"),
    "a token before three dots": ("using sk-ant-api03-aB3d... and so on", "using sk-ant-…(masked)... and so on"),
    "a word": ("pip install hf_transfer", "pip install hf_transfer"),
    "a line that is whole": ("using hf_aB3\n", "using hf_aB3\n"),
    "the beginning of a known value": ("the door opens with open-ses", "the door opens with …(masked)"),
}


@pytest.mark.parametrize(("text", "shown"), CUTS.values(), ids=CUTS)
def test_the_half_of_a_secret_is_none(text: str, shown: str) -> None:
    assert replace(GENERAL_MASKER, known_values=(b"open-sesame-1001",)).mask(text, cut=True) == shown


def test_both_engines_find_the_same() -> None:
    for text in [*READABLE.values(), *(planted.text for planted in CORPUS[::7])]:
        assert SHAPE_MASKER.mask(text) == GENERAL_MASKER.mask(text)


HOSTILE = [
    *("token=", "://", "://a:b@", "eyJ", "eyJaaaaaa.", "hf_aaaaaaaa", "sk-", "A", "AKIAABCDEFGHIJKLMNOP", "key", "-"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----\n", "\\nAAAAAAAAAAAA", "\\n" + "aB3" * 22, "password "),
    *(
        "aB3d" * 16 + "\n",
        "aB3d" * 16,
        "(pid=",
        "(x pid=1) " + "aB3d" * 16 + "\n",
        "\x1b[0m",
        '"password": "',
        "token=[",
    ),
    *(
        "Bearer a",
        "'token', '",
        "&sig=",
        "12345678:",
        "a==",
        "a.bbbbbb.",
        "MIIEabIBAAK",
        "JQQJ99A",
        "1//0aaaaaaaa",
        "sk-a…",
        "mysql -u -",
        "docker login -u ",
        "ENV KEY ",
        "密码：",
    ),
    *(
        "0Q~aaaaaaaa",
        "auth: token ",
        "token: str = ",
        "key(((",
        "password=os.environ('",
        "password='\\",
        "%3D",
        "login ",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_text_alone(piece: str) -> None:
    seconds = []
    for length in (25_000, 100_000):
        text = (piece * (length // len(piece) + 1))[:length]
        tries = []
        for _ in range(3):
            start = time.process_time()
            GENERAL_MASKER.mask(text, cut=True)
            tries.append(time.process_time() - start)
        seconds.append(min(tries))
    assert seconds[1] < max(10 * seconds[0], 0.1)


@pytest.mark.parametrize("piece", ["token=", "token=x, ", "hf_aaaaaaaa", "auth: token ", "://"])
def test_the_rest_of_a_line_of_candidates_is_masked_unread(piece: str) -> None:
    before, dense, after = GENERAL_MASKER.mask(f"step:1 - a:1\n{piece * 10_000}\nstep:2 - a:1").split("\n")
    assert (before, after) == ("step:1 - a:1", "step:2 - a:1")
    assert dense.endswith(MASKED)
    assert len(dense) < 10_000


@pytest.mark.parametrize("seed", range(20))
def test_any_text_can_be_masked_and_keeps_its_lines(seed: int) -> None:
    dice = random.Random(seed)
    pieces = [*HOSTILE, *READABLE.values(), *(one.text for one in CORPUS), "\ud800", "\0", "é", "…", "密码: ", "\r\n"]
    text = " ".join(dice.choices(pieces, k=30))
    assert GENERAL_MASKER.mask(text).count("\n") == text.count("\n")
