"""Names that are nearly what was typed: near enough to be meant, or none."""

from collections.abc import Iterable

MAX_COMPARED_CHARACTERS = 60
"""Maximum characters of a word that are compared: people type no longer names."""

MIN_PREFIX_CHARACTERS = 3
"""Minimum characters of a beginning that suggests a name."""

MAX_SUGGESTIONS = 3


def find_near_names(word: str, names: Iterable[str], max_distance: int | None = None) -> list[str]:
    """Return the names that the word nearly is, or is the beginning of, the nearest first.

    Args:
        max_distance: maximum number of mistyped characters; unless given, by the length of the word.

    >>> find_near_names("lunch", ["launch", "logs"]), find_near_names("image", ["managed"])
    (['launch'], [])
    >>> find_near_names("lear", ["learning_rate"])
    ['learning_rate']
    """
    word = word.lower()
    most = get_max_distance(word) if max_distance is None else max_distance
    distances = {name: measure_name_distance(word, name.lower(), most) for name in names}
    near = [name for name, distance in distances.items() if distance <= most]
    return sorted(near, key=lambda name: distances[name])[:MAX_SUGGESTIONS]


def get_max_distance(word: str) -> int:
    """Return how many characters of a word may be mistyped: none of two, one of five, two of eight, three of more."""
    return 0 if len(word) < 3 else min(3, 1 + (len(word) - 3) // 3)


def measure_name_distance(word: str, name: str, most: int) -> int:
    """Return the distance of a word from a name; a beginning of the name counts as one mistake."""
    if MIN_PREFIX_CHARACTERS <= len(word) < len(name) and name.startswith(word):
        return 1
    return measure_edit_distance(word, name, most)


def measure_edit_distance(a: str, b: str, most: int) -> int:
    """Return how many characters must be inserted, deleted, replaced or swapped with their neighbour; `most` + 1 for
    more than `most`. (The optimal string alignment distance.)

    >>> measure_edit_distance("stauts", "status", 2), measure_edit_distance("abc", "xyz", 2)
    (1, 3)
    """
    if abs(len(a) - len(b)) > most or len(a) > MAX_COMPARED_CHARACTERS:
        return most + 1
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for row, char in enumerate(a, 1):
        current = [row]
        for column, other in enumerate(b, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (char != other))
            if row > 1 and column > 1 and char == b[column - 2] and a[row - 2] == other:
                cost = min(cost, before_last[column - 2] + 1)
            current.append(cost)
        if min(current) > most:
            return most + 1
        before_last, last = last, current
    return min(last[-1], most + 1)
