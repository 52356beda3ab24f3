"""The team's own code that a run is launched with: a repository of Git, and the commit of it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

GITHUB_URL = "https://github.com"
"""The host of repositories unless another one is set."""

NAME_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
REFERENCE = r"[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}"
CODE_PATTERN = rf"{NAME_PART}(/{NAME_PART}){{1,5}}(@{REFERENCE})?"
"""A repository, and a branch, a tag or a commit of it. No part begins as an option of a program does, and none has a
sign that Git takes for a pattern."""

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The whole name of a commit, by SHA-1 or SHA-256."""

SHORT_COMMIT_DIGITS = 7

MAX_HOST_SECONDS = 20
"""Maximum seconds for one look at a host, after which it counts as silent."""

TOKEN_VARIABLE = "GIT_TOKEN"  # noqa: S105  # its name
"""The secret with which SkyPilot clones a private repository (sky/utils/git.py, 0.14.1), and the bot looks into it."""


@dataclass(frozen=True, slots=True)
class CodeVersion:
    """A version of a repository.

    Attributes:
        repository: its owner and name, such as `acme/rl`.
        reference: a branch, a tag or a commit; empty for the default branch.
        host_url: the web address of its host.
    """

    repository: str
    reference: str = ""
    host_url: str = GITHUB_URL

    @classmethod
    def parse(cls, text: str, host_url: str = GITHUB_URL) -> Self:
        """Return the version that a text of `CODE_PATTERN` names.

        >>> CodeVersion.parse("acme/rl.git@main").repository, CodeVersion.parse("acme/rl").reference
        ('acme/rl', '')
        """
        repository, _, reference = text.partition("@")
        return cls(repository.removesuffix(".git"), reference, host_url)

    def __str__(self) -> str:
        return f"{self.repository}@{self.reference}" if self.reference else self.repository

    @property
    def is_pinned(self) -> bool:
        """Return whether it is a commit, which no later push changes."""
        return COMMIT.fullmatch(self.reference) is not None

    def pin(self, commit: str) -> Self:
        """Return the version of this commit."""
        return replace(self, reference=commit)

    @property
    def host(self) -> str:
        return self.host_url.partition("://")[2]

    @property
    def clone_url(self) -> str:
        return f"{self.host_url}/{self.repository}.git"

    @property
    def page(self) -> str:
        """Return the web address of its commit, as GitHub, GitLab, Gitea and Forgejo have it."""
        return f"{self.host_url}/{self.repository}/commit/{self.reference}"

    @property
    def label(self) -> str:
        """Return the version with a commit shortened.

        >>> CodeVersion("acme/rl", "4f3c2a1" + 33 * "0").label, CodeVersion("acme/rl", "main").label
        ('acme/rl@4f3c2a1', 'acme/rl@main')
        """
        return str(self.pin(self.reference[:SHORT_COMMIT_DIGITS])) if self.is_pinned else str(self)


def check_out(task: dict[str, Any], code: CodeVersion | None) -> None:
    """Make the version the task's working directory, and let SkyPilot fetch what is the working directory.

    SkyPilot's command line finds these variables out from a working directory that is a repository; its SDK does not,
    and its script on the nodes then silently fetches nothing (sky/utils/git_clone.sh, 0.14.1).
    """
    if code:
        task["workdir"] = {"url": code.clone_url} | ({"ref": code.reference} if code.reference else {})
    workdir = task.get("workdir")
    # SkyPilot fills in variables of the task in an address, but not in a variable.
    if isinstance(workdir, Mapping) and "$" not in str(workdir):
        url, reference = str(workdir.get("url") or ""), str(workdir.get("ref") or "")
        kind = "GIT_COMMIT_HASH" if COMMIT.fullmatch(reference) else "GIT_BRANCH"
        variables = {"GIT_URL": url} | ({kind: reference} if reference else {})
        task["envs"] = {**(task.get("envs") or {}), **variables}
