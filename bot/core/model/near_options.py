"""Settings that a mistyped one nearly is, whichever of its words is wrong or missing. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from bot.core.model.near_names import MIN_PREFIX_CHARACTERS, get_max_distance, measure_name_distance
from bot.core.model.option_tree import OptionKind, OptionTree

SAME_LETTERS, SAME_PARTS, MISSING_PART, SHORTER = 0.25, 1.0, 1.0, 1.5
"""Cost of a word that is another one but for `_` and `-`; of one with the same parts in another order; of each part
that it lacks; and of one that the other one is the beginning of."""

MAX_MISSING_PARTS = 2
"""Maximum parts that a word may lack."""

MISSING_WORD, EXTRA_WORD, OTHER_WORD = 0.5, 2.0, 3.0
"""Cost of a word that the setting has and the person did not type, of one that it has not, and of an unlike one."""

MAX_COST = 4.5
"""Maximum cost of a suggestion."""

UNLIKELY = 1.0
"""Cost of a setting that the engine does not have, and of one that only a `+` adds."""

MAX_BEHIND = 0.75
"""Maximum cost by which a suggestion may be behind the best one."""

MAX_TYPED_WORDS = 12
"""Maximum words of a setting that are compared."""


def find_near_options(key: str, tree: OptionTree, engine: str, limit: int = 3) -> list[str]:
    """Return the full names of the settings that a name nearly is, the nearest first. Of a name in a group that exists,
    the mistake is in its last word: another group is named only for the same last word.

    Args:
        engine: the engine whose settings come before those that only others have.
    """
    typed = tuple(key.lower().split("."))[-MAX_TYPED_WORDS:]
    group = key.rpartition(".")[0]
    is_group = group in tree.options and tree.options[group].kind is OptionKind.GROUP
    costs: dict[str, tuple[float, int, str]] = {}
    for last, settings in tree.by_last_word.items():
        last_cost = measure_word(typed[-1], last.lower())
        if last_cost >= OTHER_WORD:
            continue
        for words in settings:
            name = ".".join(words)
            if is_group and last_cost > 0 and name.rpartition(".")[0] != group:
                continue
            if not shares_group(typed[:-1], words[:-1]):
                continue
            option = tree.options[name]
            cost = last_cost + (0 if engine in option.engines else UNLIKELY)
            cost += UNLIKELY / 2 if option.kind is OptionKind.GROUP else 0
            if cost <= MAX_COST and name not in tree.unread:
                costs[name] = (cost + measure_path(typed[:-1], words[:-1]), len(words), name)
    best = min((cost for cost, *_ in costs.values()), default=MAX_COST)
    near = sorted(entry for entry in costs.values() if entry[0] <= min(best + MAX_BEHIND, MAX_COST))
    return [name for *_, name in near[:limit]]


def shares_group(typed: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether a word of one group is nearly a word of the other, or none was typed: the same last word alone
    says nothing.

    >>> shares_group(("actor",), ("actor_rollout_ref", "actor", "optim")), shares_group(("trainer",), ("critic",))
    (True, False)
    """
    return not typed or any(measure_word(word, other.lower()) < OTHER_WORD for word in typed for other in words)


def measure_path(typed: Sequence[str], words: Sequence[str]) -> float:
    """Return the cost of taking some words for others in their order, where words may be missing or too many.

    >>> measure_path(("actor", "optim"), ("actor_rollout_ref", "actor", "optim")), measure_path(("a",), ("a",))
    (0.5, 0.0)
    """
    row: list[float] = [count * MISSING_WORD for count in range(len(words) + 1)]
    for word in typed:
        current = [row[0] + EXTRA_WORD]
        for column, other in enumerate(words, 1):
            replaced = row[column - 1] + measure_word(word, other.lower())
            current.append(min(replaced, row[column] + EXTRA_WORD, current[-1] + MISSING_WORD))
        row = current
    return row[-1]


@lru_cache(maxsize=10_000)
def measure_word(typed: str, word: str) -> float:
    """Return the cost of taking one word for another; `OTHER_WORD` for an unlike one.

    >>> measure_word("savefreq", "save_freq"), measure_word("grad_clip", "clip_grad"), measure_word("lr", "lam")
    (0.25, 1.0, 3.0)
    """
    if typed == word:
        return 0
    bare, other = strip_marks(typed), strip_marks(word)
    if bare == other:
        return SAME_LETTERS
    parts, other_parts = set(split_parts(typed)), set(split_parts(word))
    missing = len(other_parts - parts)
    if parts <= other_parts and len(parts) > 1 and missing <= MAX_MISSING_PARTS:
        return MISSING_PART * missing or SAME_PARTS
    most = min(get_max_distance(bare), int(OTHER_WORD) - 1)
    # Letters that only one of them has: each mistake accounts for two at most.
    if len(set(bare) ^ set(other)) > 2 * most and not other.startswith(bare) and not bare.startswith(other):
        return OTHER_WORD
    distance = measure_name_distance(bare, other, most)
    if distance > most and bare.startswith(other) and len(other) >= MIN_PREFIX_CHARACTERS:
        return SHORTER
    return distance if distance <= most else OTHER_WORD


def strip_marks(word: str) -> str:
    """Return a word without the marks between its parts."""
    return word.replace("_", "").replace("-", "")


def split_parts(word: str) -> Iterable[str]:
    return word.replace("-", "_").split("_")
