"""Exit codes: what they say of a death that printed nothing else, and on which node it was."""

import re
from collections.abc import Mapping

from bot.core.model.failure import FailureKind

KINDS_BY_EXIT_CODE: Mapping[int, FailureKind] = {
    137: FailureKind.KILLED,  # 128 + SIGKILL, as a shell says it; Python and torch say -9
    -9: FailureKind.KILLED,
    139: FailureKind.CRASHED,  # SIGSEGV
    -11: FailureKind.CRASHED,
    134: FailureKind.CRASHED,  # SIGABRT
    -6: FailureKind.CRASHED,
    135: FailureKind.CRASHED,  # SIGBUS
    -7: FailureKind.CRASHED,
    132: FailureKind.CRASHED,  # SIGILL
    -4: FailureKind.CRASHED,
    143: FailureKind.TERMINATED,  # SIGTERM
    -15: FailureKind.TERMINATED,
    130: FailureKind.TERMINATED,  # SIGINT
    -2: FailureKind.TERMINATED,
    68: FailureKind.NODE_LOST,  # of the recipes for verl: recipes/lib/verl_watch.py
    127: FailureKind.MISSING_MODULE,  # a shell did not find the program
    126: FailureKind.PERMISSION_DENIED,  # a shell may not start the program
}

EXIT_LIST = re.compile(r"ERROR: Job \d{1,9}(?:'s setup)? failed with return code list: *+\[([-\d, ]*+)\]")
"""What SkyPilot prints about a job that failed: an exit code for each node."""

EXIT_CODE = re.compile(r"\b[Ee]xit(?:ed with)? (?:code|status):? (-?\d{1,3})\b")
SHELL_NOTE = re.compile(
    r"line \d{1,9}: {1,20}\d{1,9} (Killed|Segmentation fault|Aborted|Terminated|Bus error|Illegal instruction)\b"
    r"|^(Killed)$"
)
"""What bash prints of a process that a signal ended."""

KINDS_BY_SHELL_WORD = {"Killed": FailureKind.KILLED, "Terminated": FailureKind.TERMINATED}


def parse_exit(text: str) -> FailureKind | None:
    """Return the kind of failure that a line about exit codes shows; None where it has none but 0.

    >>> parse_exit("ERROR: Job 1 failed with return code list: [1, 137]")
    <FailureKind.KILLED: 'killed'>
    """
    if match := EXIT_LIST.search(text):
        kinds = [kind for kind in list_exit_kinds(match[1]) if kind]
        return next((kind for kind in kinds if kind is not FailureKind.EXCEPTION), kinds[0] if kinds else None)
    if match := SHELL_NOTE.search(text):
        return KINDS_BY_SHELL_WORD.get(match[1] or match[2], FailureKind.CRASHED)
    return classify_exit_code(match[1]) if (match := EXIT_CODE.search(text)) else None


def list_exit_kinds(codes: str) -> list[FailureKind | None]:
    """Return the kind of each exit code of a list, in the order of the nodes; None for 0."""
    return [classify_exit_code(code.strip()) for code in codes.split(",")]


def classify_exit_code(code: str) -> FailureKind | None:
    """Return the kind of failure of an exit code; None for 0, and for what is no number of a process."""
    if not code.lstrip("-").isdecimal() or len(code) > 4 or int(code) == 0:
        return None
    return KINDS_BY_EXIT_CODE.get(int(code), FailureKind.EXCEPTION)


def find_exit_node(text: str) -> int | None:
    """Return the number of the node whose exit code tells most; None for no list.

    >>> find_exit_node("ERROR: Job 1 failed with return code list: [1, 137]")
    1
    """
    match = EXIT_LIST.search(text)
    kind = parse_exit(text)
    return list_exit_kinds(match[1]).index(kind) if match and kind else None
