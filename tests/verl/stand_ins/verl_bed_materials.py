"""Write a model, its tokenizer and the recipes' data, small enough for two CPU cores: `… FOLDER`."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
TEMPLATE = """\
{%- if tools %}<|im_start|>system
Call a tool so: <tool_call>{"name": "…", "arguments": {}}</tool_call>. The tools:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif -%}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content if message.content is string else "" }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif -%}
"""

DATA = {"gsm8k": "openai/gsm8k", "math": "DigitalLearningGmbH/MATH-lighteval", "gsm8k-calculator": "openai/gsm8k"}
"""The data source of each folder that a recipe reads, by which verl chooses how it scores."""

ROWS = {"train": 64, "test": 8}


def make_problems(chance: random.Random) -> Iterator[tuple[str, int]]:
    """Sums in words, without end."""
    while True:
        first, second = chance.randint(1, 40), chance.randint(1, 40)
        what = chance.choice(["apples", "pens", "coins", "books"])
        yield f"A shop has {first} {what} and buys {second} more. How many {what} has it now?", first + second


def make_tokenizer(problems: Iterator[tuple[str, int]]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=512, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    lines = (f"{text} #### {answer} \\boxed{{{answer}}}" for text, answer in (next(problems) for _ in range(500)))
    tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=TEMPLATE,
        model_max_length=4096,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """A model of about 100,000 weights, of the family that the recipes train."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    return Qwen2ForCausalLM(config).to(torch.bfloat16)


def row(problem: tuple[str, int], source: str, split: str, index: int) -> dict[str, object]:
    """One problem, in the columns that the recipes' setup writes."""
    text, answer = problem
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": f"{text}\n\nPut the number on the last line."}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": str(answer)},
        "extra_info": {"split": split, "index": index},
    }


def main(folder: Path) -> None:
    problems = make_problems(random.Random(0))
    tokenizer = make_tokenizer(problems)
    for part in (make_model(tokenizer), tokenizer):
        part.save_pretrained(folder / "model")
    for name, source in DATA.items():
        (folder / "data" / name).mkdir(parents=True)
        for split, count in ROWS.items():
            rows = [row(next(problems), source, split, index) for index in range(count)]
            Dataset.from_list(rows).to_parquet(folder / "data" / name / f"{split}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
