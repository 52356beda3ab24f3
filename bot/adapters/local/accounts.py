"""The user of local runs: another than the bot's where the bot is root, so that runs read none of the bot's files."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from bot.errors import UserError

SAME = "same"
"""The bot's own user."""

NOBODY = "nobody"
"""The user of every Unix that owns nothing."""

PASSED, HANDED = 0o710, 0o700
"""Modes of a folder above a run's own folder, and of a run's own folder."""

READ = 0o640


@dataclass(frozen=True, slots=True)
class Account:
    """A user and the user's group, as the system knows them."""

    uid: int
    gid: int


def account_named(word: str) -> Account:
    """Return the account of a user's name or number.

    Raises:
        UserError: there is none, or it is root.
    """
    try:
        found = pwd.getpwuid(int(word)) if word.isdecimal() else pwd.getpwnam(word)
        account = Account(found.pw_uid, found.pw_gid)
    except (KeyError, OverflowError):
        if not (word.isdecimal() and 0 < int(word) < 2**31):
            raise UserError(f"This machine has no user {word}.", "Set VERLBOT_LOCAL_USER to one that it has.") from None
        account = Account(int(word), int(word))  # a number without a name is a valid user
    if account.uid == 0:
        raise UserError("Local runs may not be root's.", "Set VERLBOT_LOCAL_USER to another user, such as `nobody`.")
    return account


def closed_folder(account: Account, folder: Path) -> Path | None:
    """Return the uppermost folder above this one that the account cannot traverse; None where it can traverse all."""
    for above in reversed(folder.resolve().parents):
        if above.exists() and not can_pass(account, above.stat()):
            return above
    return None


def can_pass(account: Account, found: os.stat_result) -> bool:
    """Return whether an account may traverse a folder, by the folder's owner, group and mode."""
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def let_pass(folder: Path, account: Account | None) -> None:
    """Let an account traverse a folder; the account may neither list nor read its content."""
    if account:
        os.chown(folder, -1, account.gid)
        folder.chmod(PASSED)


def let_read(path: Path, account: Account | None) -> None:
    """Let an account's group read a file."""
    if account:
        os.chown(path, -1, account.gid)
        path.chmod(READ)


def hand_over(folder: Path, account: Account | None) -> None:
    """Make an account the owner of a folder and of all its content; a folder that the account owns is left as it is."""
    if account is None or folder.stat().st_uid == account.uid:
        return
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid)
    folder.chmod(HANDED)


def name_of(account: Account) -> str:
    """Return the user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(account.uid).pw_name
    except KeyError:
        return str(account.uid)
