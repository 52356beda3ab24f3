"""The user of local runs: another than the bot's where the bot is root, so that runs read none of the bot's files."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from bot.errors import UserError

BOT_USER = "same"
"""The bot's own user."""

UNPRIVILEGED_USER = "nobody"
"""The user of every Unix that owns nothing."""

TRAVERSE_MODE, OWNER_MODE = 0o710, 0o700
"""Modes of a folder above a run's own folder, and of a run's own folder."""

GROUP_READ_MODE = 0o640


@dataclass(frozen=True, slots=True)
class SystemAccount:
    """A user and the user's group, as the system knows them."""

    uid: int
    gid: int


def find_account(user: str) -> SystemAccount:
    """Return the account of a user's name or number.

    Raises:
        UserError: there is none, or it is root.
    """
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        account = SystemAccount(entry.pw_uid, entry.pw_gid)
    except (KeyError, OverflowError):
        if not (user.isdecimal() and 0 < int(user) < 2**31):
            raise UserError(
                f"This machine has no user {user}.", "Set VERLBOT_LOCAL_USER to an existing user."
            ) from None
        account = SystemAccount(int(user), int(user))  # a number without a name is a valid user
    if account.uid == 0:
        raise UserError("Local runs may not run as root.", "Set VERLBOT_LOCAL_USER to another user, such as `nobody`.")
    return account


def find_closed_folder(account: SystemAccount, folder: Path) -> Path | None:
    """Return the uppermost folder above this one that the account cannot traverse; None where it can traverse all."""
    for above in reversed(folder.resolve().parents):
        if above.exists() and not can_traverse(account, above.stat()):
            return above
    return None


def can_traverse(account: SystemAccount, status: os.stat_result) -> bool:
    """Return whether an account may traverse a folder, by the folder's owner, group and mode."""
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def allow_traversal(folder: Path, account: SystemAccount | None) -> None:
    """Let an account traverse a folder; the account may neither list nor read its content."""
    if account:
        os.chown(folder, -1, account.gid)
        folder.chmod(TRAVERSE_MODE)


def allow_reading(path: Path, account: SystemAccount | None) -> None:
    """Let an account's group read a file."""
    if account:
        os.chown(path, -1, account.gid)
        path.chmod(GROUP_READ_MODE)


def change_owner(folder: Path, account: SystemAccount | None) -> None:
    """Make an account the owner of a folder and of all its content; a folder that the account owns is left as it is."""
    if account is None or folder.stat().st_uid == account.uid:
        return
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid)
    folder.chmod(OWNER_MODE)


def account_name(account: SystemAccount) -> str:
    """Return the user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(account.uid).pw_name
    except KeyError:
        return str(account.uid)
