"""What a person types is refused where a secret is in it, and nothing of it is echoed; everything else is taken."""

import pytest

from bot.core.commands.parser import HOW_TO_PASS_SECRETS, parse_command
from bot.errors import UserError
from bot.runtime.secret_filter import SecretFilter
from tests.secret_corpus import corpus

CORPUS = [one for one in corpus(seed=2, each=2) if "\n" not in one.text and "\x1b" not in one.text]
KINDS = sorted({planted.kind for planted in CORPUS})
TOKEN = "hf_aB3dE6gH9jK2mN5pQ8sTuVwXyZ1234aBcD"


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_with_a_secret_is_refused_and_not_echoed(kind: str) -> None:
    for planted in (one for one in CORPUS if one.kind == kind):
        for line in (f"launch ppo {planted.text}", f"logs ppo-7f3a grep={planted.text}", planted.text):
            with pytest.raises(UserError) as refused:
                parse_command(line)
            assert planted.leak(str(refused.value.sentence)) == ""
            assert str(refused.value.hint) == HOW_TO_PASS_SECRETS


REFUSED = {
    "an override": f"launch ppo +ray_kwargs.ray_init.runtime_env.env_vars.HF_TOKEN={TOKEN}",
    "an override of any value": "launch ppo trainer.logger.api_key=abc",
    "a parameter": f"launch ppo image={TOKEN}",
    "a recipe": f"launch {TOKEN}",
    "a command": TOKEN,
    "a run": f"status {TOKEN}",
    "a flag": "launch ppo --token abcdef",
    "a flag of a phone's": "launch ppo —token abcdef",
    "curly quotes": "launch ppo trainer.api_key=“abc def”",
    "a quote that is not closed": f'launch ppo "{TOKEN}',
    "what is searched for": f"logs ppo-7f3a grep={TOKEN}",
    "a schedule": f"report daily 09:00 tz={TOKEN}",
    "a language": f"language {TOKEN}",
    "help": f"help {TOKEN}",
    "an address with a password": "launch ppo data.train_files=https://ana:hunter2@data.example.org/x",
    "an address that is signed": "launch ppo data.train_files=https://b.s3.amazonaws.com/k?X-Amz-Signature="
    + "0f" * 32,
}


@pytest.mark.parametrize("line", REFUSED.values(), ids=REFUSED)
def test_a_secret_is_refused_wherever_it_is_typed(line: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_command(line, thread_run="ppo-7f3a")
    assert str(refused.value.hint) == HOW_TO_PASS_SECRETS
    for part in (TOKEN[3:], "abcdef", "hunter2", "abc def", "0f0f0f"):
        assert part not in str(refused.value.sentence)


def test_a_value_that_the_bot_knows_is_refused_though_it_looks_like_any_word() -> None:
    line = "launch ppo trainer.note=blue-sky-99"
    parse_command(line)
    with pytest.raises(UserError, match="what looks like a secret") as refused:
        parse_command(line, masker=SecretFilter({"MY_SECRET": "blue-sky-99"}).masker)
    assert "blue-sky" not in str(refused.value.sentence)


TAKEN = {
    "a model": "launch ppo actor_rollout_ref.model.path=Qwen/Qwen2.5-0.5B-Instruct",
    "a model with a version": "launch ppo actor_rollout_ref.model.path=deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
    "a commit": "launch ppo trainer.note=3f786850e387550fdab836ed7e6dc881de23001b",
    "a checksum": "launch ppo trainer.note=sha256:" + "9f86d081884c7d65" * 4,
    "an image by its digest": "launch ppo image=docker:verlai/verl@sha256:" + "9f86d081884c7d65" * 4,
    "an image of another registry": "launch ppo image=docker:nvcr.io/nvidia/pytorch:25.10-py3",
    "a run": "status ppo-7f3a",
    "a run of W&B": "launch ppo trainer.experiment_name=8xk2p0qz trainer.project_name=verl_grpo_gsm8k",
    "a path": "launch ppo data.train_files=/mnt/data/gsm8k/train-00000-of-00001-abc123def4567890.parquet",
    "paths in a list": "launch ppo data.train_files=[/a/b1/c2.parquet,/a/b2/c3.parquet]",
    "a bucket": "launch ppo bucket=s3://models/team-a/2026-01-02",
    "a set of data": "launch ppo data.path=BytedTsinghua-SIA/DAPO-Math-17k",
    "keys of columns": "launch ppo data.prompt_key=prompt data.reward_fn_key=data_source data.image_key=images",
    "tokens": "launch ppo actor_rollout_ref.actor.ppo_max_token_len_per_gpu=16384 +data.eos_token='<|im_end|>'",
    "a variable": "launch ppo +env_vars.HF_TOKEN=$HF_TOKEN",
    "none": "launch ppo +data.use_auth_token=null",
    "a flag of Hydra's": "launch ppo actor_rollout_ref.model.trust_remote_code=True",
    "a word that is searched for": "logs ppo-7f3a grep=token",
    "a word of a secret's": "logs ppo-7f3a grep='api_key'",
    "an identifier": "launch ppo trainer.note=550e8400-e29b-41d4-a716-446655440000",
    "an address": "launch ppo data.path=https://huggingface.co/datasets/openai/gsm8k/resolve/main/train.parquet",
    "an address with a port": "launch ppo trainer.note=http://10.0.0.1:8265/api?x=1",
    "a name with dashes": "launch ppo trainer.note=ak-grpo-qwen25-05b-gsm8k-bsz256-lr1e6-v2",
}


@pytest.mark.parametrize("line", TAKEN.values(), ids=TAKEN)
def test_what_people_type_every_day_is_taken(line: str) -> None:
    parse_command(line)
