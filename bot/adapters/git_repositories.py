"""Repositories of Git, looked into by `git ls-remote`; of a commit only its record is fetched, into a folder that is
deleted. No code of a repository runs here.
"""

import logging
import os
import re
import signal
import subprocess
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from tempfile import TemporaryDirectory
from threading import Timer

from bot.core.model.code_version import COMMIT, MAX_HOST_SECONDS, TOKEN_VARIABLE, CodeVersion
from bot.core.model.typed_text import format_inline_code
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase

log = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 64_000
"""Maximum bytes read of an answer, which has three lines."""

MAX_LOGGED_CHARACTERS = 500

MAX_FETCHED_BLOCKS = 20_480
"""Maximum size of a file that a look may write, in the 512 bytes of `ulimit`: a host that does not know the filter
sends all files of a commit.
"""

LIMITED = ("sh", "-c", 'ulimit -f "$0" && exec "$@"', str(MAX_FETCHED_BLOCKS))
"""What runs a program within that limit."""

PASSED_VARIABLES = ("PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "GIT_SSL_CAINFO")
"""Variables of the bot's environment that the program gets: none holds a secret of the bot's."""

SHA1_DIGITS, SHA256_OPTION = 40, ("--object-format=sha256",)

REFERENCE_LINE = re.compile(rf"({COMMIT.pattern})\t(\S{{1,300}})")

MISSING = re.compile(
    "not found|authentication failed|could not read Username|terminal prompts disabled|access denied|"
    r"returned error: 40[134]",
    re.IGNORECASE,
)
"""What git says of a repository that is not there, or that it may not see: hosts do not tell these apart."""

UNKNOWN_COMMIT = re.compile("not our ref|couldn't find remote ref", re.IGNORECASE)
"""What git says of a commit that the repository does not have."""

MOVED = re.compile(r"unable to update url base from redirection|returned error: 30[12378]", re.IGNORECASE)

NO_REPOSITORY = N_("{host} shows me no repository {repository}: it does not exist, or it is private.")
HOW_TO_READ_PRIVATE = N_("For a private one, set `{variable}` where the bot runs (docs/recipes.md).")
HAS_MOVED = N_("{host} has moved the repository {repository} to another name.")
NO_REFERENCE = N_("The repository {repository} has no branch and no tag {reference}.")
NO_COMMIT = N_("The repository {repository} has no commit {commit}.")
HOW_TO_NAME_COMMIT = N_("Name a branch, a tag, or a commit by all its digits.")
NO_DEFAULT = N_("The repository {repository} has no default branch.")
NO_ANSWER = N_("{host} did not say within {seconds} s which commit {code} is.")
FAILED = N_("I could not ask {host} which commit {code} is.")
NOT_INSTALLED = N_("Git is not installed where the bot runs.")


class GitRepositories:
    """Repositories on hosts of Git.

    Args:
        token: reads private repositories; empty for none.
        seconds: maximum time for one look, after which the program and all that it has started are killed.
    """

    def __init__(self, token: str = "", seconds: float = MAX_HOST_SECONDS) -> None:
        self._token = token
        self._seconds = seconds

    def find_commit(self, code: CodeVersion) -> str:
        heads, tags = f"refs/heads/{code.reference}", f"refs/tags/{code.reference}"
        # Only branches and tags: on GitHub anyone can create a reference of another kind, by a pull request.
        wanted = (heads, f"{tags}^{{}}", tags) if code.reference else ("HEAD",)
        exit_code, answer = self._ask(code, ("git", "ls-remote", "--", code.clone_url, *wanted))
        commits = {name: commit for commit, name in REFERENCE_LINE.findall(answer)}
        if exit_code != 0:
            raise describe_failure(code, answer)
        for name in wanted:
            if name in commits:
                return str(commits[name])
        repository = format_inline_code(code.repository)
        if not code.reference:
            raise UserError(Phrase(NO_DEFAULT, repository=repository), Phrase(HOW_TO_NAME_COMMIT))
        reference = format_inline_code(code.reference)
        raise UserError(Phrase(NO_REFERENCE, repository=repository, reference=reference), Phrase(HOW_TO_NAME_COMMIT))

    def check_commit(self, code: CodeVersion) -> None:
        is_sha256 = len(code.reference) > SHA1_DIGITS
        with TemporaryDirectory(prefix="verlbot-git-") as folder:
            self._ask(code, ("git", "init", "--quiet", "--bare", *(SHA256_OPTION if is_sha256 else ()), folder))
            fetch = ("fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0")
            words = (*LIMITED, "git", "-C", folder, *fetch, "--", code.clone_url, code.reference)
            exit_code, answer = self._ask(code, words)
        if exit_code == 0:
            return
        if UNKNOWN_COMMIT.search(answer):
            repository, commit = format_inline_code(code.repository), format_inline_code(code.reference)
            raise UserError(Phrase(NO_COMMIT, repository=repository, commit=commit), Phrase(HOW_TO_NAME_COMMIT))
        failure = describe_failure(code, answer)
        # Some hosts give out no commit by its name. SkyPilot clones the branches, and finds it there.
        if isinstance(failure, UserError):
            raise failure

    def _ask(self, code: CodeVersion, words: Sequence[str]) -> tuple[int, str]:
        """Return the program's exit code, and what it printed.

        Raises:
            Unavailable: the program is not installed, or not done in time.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  # fixed programs; the names match a pattern without signs or dashes
                words,
                env=build_environment(code.host_url, self._token),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise Unavailable(Phrase(NOT_INSTALLED)) from error
        alarm = Timer(self._seconds, kill_group, (process.pid,))
        alarm.daemon = True
        with process:
            alarm.start()
            assert process.stdout  # noqa: S101  # it is a pipe
            answer = process.stdout.read(MAX_ANSWER_BYTES).decode(errors="replace")
            kill_group(process.pid) if len(answer) >= MAX_ANSWER_BYTES else None
            exit_code = process.wait()
        is_late = alarm.finished.is_set()
        alarm.cancel()
        if is_late:
            values = {"host": code.host, "code": format_inline_code(str(code))}
            raise Unavailable(Phrase(NO_ANSWER, seconds=f"{self._seconds:g}", **values))
        return exit_code, answer


def kill_group(process_id: int) -> None:
    """End a program and the helpers that it has started, at once."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, signal.SIGKILL)


def build_environment(host_url: str, token: str) -> Mapping[str, str]:
    """Return the program's whole environment: no configuration of the machine's, no prompt, no other protocol, and the
    token for this host alone. A redirection is not followed, since a repository that has moved may have other owners.
    """
    settings = {"http.followRedirects": "false", "credential.helper": ""}
    if token:
        # As SkyPilot sends it, by an address `https://TOKEN@HOST`; an address would be seen in the list of processes.
        encoded = b64encode(f"{token}:".encode()).decode()
        settings[f"http.{host_url}/.extraHeader"] = f"Authorization: Basic {encoded}"
    numbered = {
        f"GIT_CONFIG_{part}_{number}": text
        for number, pair in enumerate(settings.items())
        for part, text in zip(("KEY", "VALUE"), pair, strict=True)
    }
    return {
        **{name: os.environ[name] for name in PASSED_VARIABLES if name in os.environ},
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_CONFIG_COUNT": str(len(settings)),
        **numbered,
    }


def describe_failure(code: CodeVersion, answer: str) -> UserError | Unavailable:
    """Return the error for what the program printed: the person's to mend, or time's."""
    log.info("git on %s: %s", code.repository, answer[-MAX_LOGGED_CHARACTERS:])
    values = {"host": code.host, "repository": format_inline_code(code.repository)}
    if MOVED.search(answer):
        return UserError(Phrase(HAS_MOVED, **values), Phrase("Type its present name."))
    if MISSING.search(answer):
        return UserError(Phrase(NO_REPOSITORY, **values), Phrase(HOW_TO_READ_PRIVATE, variable=TOKEN_VARIABLE))
    return Unavailable(Phrase(FAILED, host=code.host, code=format_inline_code(str(code))))
