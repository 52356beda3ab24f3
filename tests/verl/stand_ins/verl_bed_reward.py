"""A reward that text of a model which knows nothing can have more or less of: the share of digits in it."""

from typing import Any


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> dict[str, float]:
    share = sum(letter.isdigit() for letter in solution_str) / max(len(solution_str), 1)
    return {"score": share, "acc": float(share > 0.1)}
