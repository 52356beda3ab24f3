"""What a bot's process forbids others and itself, so that a run on the same machine cannot read the bot's tokens.

Linux alone has these. A process that is not dumpable keeps its memory and environment (`environ`, `mem` and `fd` in
`/proc/PID`) from every other process without CAP_SYS_PTRACE, those of the same user included. It stays so until it
executes another program: each program of the bot sets it first.
"""

import ctypes
import os
import sys
from collections.abc import Iterable, MutableMapping

PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
"""Options of prctl(2)."""

MAX_CAPABILITIES = 64

PRIVATE_UMASK = 0o077
"""Umask that keeps new files to the bot's own user."""


def guard_process() -> None:
    """Keep this process's memory and environment, and every file that it makes, from others."""
    os.umask(PRIVATE_UMASK)
    forbid_dumps()


def forbid_dumps() -> None:
    """Keep the memory and environment of this process from other processes of its user."""
    call_prctl(PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """Keep child processes from becoming another user by a program such as sudo."""
    call_prctl(PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Keep root's powers from child processes, where this process is root: they could read every process otherwise."""
    for number in range(MAX_CAPABILITIES):
        if not call_prctl(PR_CAPBSET_DROP, number):
            return


def call_prctl(option: int, value: int) -> bool:
    """Call prctl; return whether Linux has done it."""
    if not sys.platform.startswith("linux"):
        return False
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)) == 0


def remove_variables(environment: MutableMapping[str, str], names: Iterable[str]) -> None:
    """Remove secrets from the environment, so that no child process gets them."""
    for name in names:
        environment.pop(name, None)
