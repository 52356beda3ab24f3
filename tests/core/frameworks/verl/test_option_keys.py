"""The list of verl's settings: of the version that the recipes install, and in step with what the pages say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.config.operation_settings import SOURCE_RECIPES
from bot.core.frameworks.verl.option_keys import OPTION_LIST, UNREAD_OPTIONS
from bot.core.frameworks.verl.run_settings import DEFAULTS
from bot.core.model.option_tree import OptionKind, OptionTree

ROOT = SOURCE_RECIPES.parent
TREE = OPTION_LIST.trees["verl.trainer.main_ppo"]
TOP = "|".join(sorted(key for key in TREE.options if "." not in key))

OPTION = re.compile(rf"(?<![\w./@$-])(\+{{0,2}})((?:{TOP})(?:\.\w+)+)(?![\w/(])")
"""A setting with its full name, wherever it is written."""

SFT_TREE = OPTION_LIST.trees["verl.trainer.sft_trainer"]
PROGRAMS = {"sft.yaml": (SFT_TREE,), "verl-run.sh": (TREE, SFT_TREE), "options.py": (TREE, SFT_TREE)}
"""The programs whose settings a file names; all others name those of PPO's."""

CODE = re.compile(r"`\+{0,2}([a-z_]\w*(?:\.[a-z_]\w*)*)(?:=[^`\n]*)?`")
"""One name in back-ticks, perhaps with a value."""

NOT_OPTIONS = (
    *("trainer.hf_token", "trainer.api_key", "data.path", "data.pt"),
    *("reward.word", "reward.name", "reward.series"),
)
"""What looks like a setting in our code, and is an attribute, a file, or a made-up name."""

PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "README.md",
    *sorted(SOURCE_RECIPES.rglob("*.yaml")),
    *sorted(SOURCE_RECIPES.rglob("*.sh")),
    *(path for path in sorted((ROOT / "bot").rglob("*.py")) if path.name not in ("option_keys.py", "near_options.py")),
    *sorted((ROOT / "bot" / "languages").glob("*.po")),
]

BARE_NAMES = {"model_dtype", "offload_policy", "max_model_len", "target_kl", "nccl_timeout", "reward_model"}
"""Last words of settings that name something else too: a column of the data, a kind of failure."""


def list_options(text: str) -> Iterator[tuple[str, str]]:
    """Return each setting that a text names, with the mark before it."""
    for mark, key in OPTION.findall(text):
        if key not in NOT_OPTIONS and not key.endswith((".py", ".pt", ".parquet", ".yaml", ".md")):
            yield mark, key


def is_right(mark: str, key: str, tree: OptionTree) -> bool:
    """Return whether verl takes a setting as it is written, and reads it."""
    option = tree.options.get(key)
    if key in tree.unread:
        return False
    if option is not None:
        return bool(option.engines or mark)
    known = tree.is_below_open(key) or key.rpartition(".")[2] in tree.read_names
    return tree.is_list_entry(key) or (bool(mark) and known)


def test_the_list_is_of_the_verl_that_the_recipes_install() -> None:
    setup = (SOURCE_RECIPES / "lib" / "verl-setup.sh").read_text()
    assert re.findall(r"verl(?:\[\w+\])?==([\w.]+)", setup) == [OPTION_LIST.version]


def test_the_list_is_as_its_script_writes_it() -> None:
    lines = (ROOT / "bot/core/frameworks/verl/option_tree.txt").read_text().splitlines()
    assert lines[0].startswith("# Made by `make options`")
    assert max(map(len, lines)) <= 120
    assert len(TREE.options) > 1_500


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("trainer.save_freq", OptionKind.INTEGER),
        ("trainer.val_before_train", OptionKind.FLAG),
        ("actor_rollout_ref.actor.optim.lr", OptionKind.NUMBER),
        ("actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu", OptionKind.INTEGER),
        ("actor_rollout_ref.model.override_config", OptionKind.OPEN),
        ("actor_rollout_ref.rollout.engine_kwargs.vllm", OptionKind.OPEN),
        ("trainer.logger", OptionKind.LIST),
    ],
)
def test_kinds_are_those_of_verls_defaults_and_classes(key: str, kind: OptionKind) -> None:
    assert TREE.options[key].kind is kind


def test_what_only_verls_classes_take_is_added_with_a_plus() -> None:
    assert not TREE.options["actor_rollout_ref.rollout.repetition_penalty"].engines


@pytest.mark.parametrize("key", [*DEFAULTS, *filter(None, UNREAD_OPTIONS.values())])
def test_defaults_and_what_counts_instead_are_settings_of_verl(key: str) -> None:
    assert is_right("", key, TREE)


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in PAGES])
def test_every_setting_that_a_page_or_a_phrase_names_is_one_that_verl_reads(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # A catalogue and a long string break a line within a name.
    joined = re.sub(r'"\n\s*f?"', "", text)
    trees = PROGRAMS.get(path.name, (TREE,))
    wrong = [mark + key for mark, key in list_options(joined) if not any(is_right(mark, key, tree) for tree in trees)]
    assert set(wrong) <= ({"actor_rollout_ref.nccl_timeout"} if path.name == "options.py" else set())


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in PAGES if path.suffix in (".md", ".po")]
)
def test_no_page_names_a_setting_by_a_part_of_its_name(path: Path) -> None:
    names = {name for name in CODE.findall(path.read_text(encoding="utf-8")) if name not in BARE_NAMES}
    ends = {name for name in names if "." in name and name not in TREE.options}
    dotted = {name for name in ends if any(key.endswith(f".{name}") for key in TREE.options)}
    assert dotted | {name for name in names if "_" in name and name in TREE.by_last_word} == set()
