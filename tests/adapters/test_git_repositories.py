"""Repositories on a host of Git on this machine, asked by the real `git` and fetched by SkyPilot's own script."""

import os
import subprocess
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from bot.adapters import git_repositories
from bot.adapters.git_repositories import GitRepositories, build_environment
from bot.adapters.sky.task_builder import find_schema_problem
from bot.core.model.code_version import CodeVersion, check_out
from bot.errors import Unavailable, UserError
from tests.builders import refusal_of
from tests.git_host import Backend, Quiet, commit_reward, git, serve

pytestmark = pytest.mark.slow


@pytest.fixture
def commits(tmp_path: Path) -> dict[str, str]:
    """A repository with a branch, another one, two tags and a pull request; the commit of each."""
    source = tmp_path / "source"
    git(tmp_path, "init", "-q", "-b", "main", "source")
    found = {name: commit_reward(source, name) for name in ("first", "second", "third")}
    git(source, "tag", "light", found["first"])
    git(source, "tag", "-a", "-m", "words", "v1", found["first"])
    git(source, "branch", "feature/kl", found["second"])
    git(source, "update-ref", "refs/pull/5/head", found["second"])
    git(tmp_path, "clone", "-q", "--mirror", "source", "www/acme/rl.git")
    git(tmp_path / "www/acme/rl.git", "update-server-info")
    return found


@pytest.fixture
def host(tmp_path: Path, commits: dict[str, str]) -> Iterator[str]:
    Quiet.seen = []
    yield from serve(partial(Quiet, directory=str(tmp_path / "www")))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("acme/rl", "third", id="the default branch"),
        pytest.param("acme/rl@main", "third", id="a branch"),
        pytest.param("acme/rl@feature/kl", "second", id="a branch with a slash"),
        pytest.param("acme/rl@light", "first", id="a tag"),
        pytest.param("acme/rl@v1", "first", id="a tag with words, which is no commit itself"),
    ],
)
def test_a_branch_and_a_tag_are_resolved_to_their_commit(
    host: str, commits: dict[str, str], text: str, name: str
) -> None:
    assert GitRepositories().find_commit(CodeVersion.parse(text, host)) == commits[name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("acme/none@main", "shows me no repository `acme/none`", id="no repository"),
        pytest.param("acme/rl@mian", "has no branch and no tag `mian`", id="no branch"),
        pytest.param("acme/rl@in", "has no branch and no tag `in`", id="the end of a branch's name"),
        pytest.param("acme/rl@pull/5/head", "has no branch and no tag", id="a pull request, which anyone can make"),
        pytest.param("acme/rl@refs/pull/5/head", "has no branch and no tag", id="a pull request by its full name"),
    ],
)
def test_what_is_not_there_is_refused_in_words(host: str, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        GitRepositories().find_commit(CodeVersion.parse(text, host))


def test_a_token_is_sent_to_the_host_and_is_in_no_list_of_processes(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    GitRepositories("t0ken").find_commit(CodeVersion.parse("acme/rl", host))
    assert "Basic dDBrZW46" in Quiet.seen  # t0ken: in base64
    environment = build_environment("https://github.com", "t0ken")
    assert "xoxb-secret" not in str(environment)
    assert "GIT_CONFIG_KEY_2" in environment
    assert environment["GIT_CONFIG_KEY_2"] == "http.https://github.com/.extraHeader"


class Redirect(Quiet):
    """A host that has moved each repository to another one."""

    target = ""

    def do_GET(self) -> None:  # noqa: N802  # the name that http.server calls
        self.send_response(301)
        self.send_header("Location", self.target + self.path.replace("/old/", "/acme/"))
        self.end_headers()


def test_a_repository_that_has_moved_to_other_owners_is_not_followed(host: str) -> None:
    Redirect.target = host
    for moved in serve(Redirect):
        Quiet.seen = []
        with pytest.raises(UserError, match=r"has moved the repository `old/rl`.*present name"):
            raise_sentence(CodeVersion.parse("old/rl", moved))


def raise_sentence(code: CodeVersion) -> None:
    """Ask for the commit; a refusal is raised with its hint."""
    try:
        GitRepositories().find_commit(code)
    except UserError as error:
        raise UserError(str(error.sentence)) from error


def test_a_host_that_does_not_answer_leaves_it_unknown() -> None:
    with pytest.raises(Unavailable, match=r"could not ask 127\.0\.0\.1:1 which commit `acme/rl@main` is"):
        GitRepositories().find_commit(CodeVersion.parse("acme/rl@main", "http://127.0.0.1:1"))


def test_a_host_that_never_ends_its_answer_is_left_at_the_deadline() -> None:
    ended = Event()

    class Slow(Quiet):
        def do_GET(self) -> None:  # noqa: N802  # the name that http.server calls
            ended.wait(30)

    for slow in serve(Slow):
        with pytest.raises(Unavailable, match=r"did not say within 0\.2 s"):
            GitRepositories(seconds=0.2).find_commit(CodeVersion.parse("acme/rl", slow))
        ended.set()


def test_no_other_protocol_reads_this_machine(tmp_path: Path, commits: dict[str, str]) -> None:
    with pytest.raises(Unavailable):
        GitRepositories().find_commit(CodeVersion.parse("acme/rl", f"file://{tmp_path}/www"))


def test_without_git_the_bot_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="Git is not installed where the bot runs"):
        GitRepositories().find_commit(CodeVersion.parse("acme/rl"))
    assert git_repositories.PASSED_VARIABLES[0] == "PATH"


@pytest.fixture
def git_host(tmp_path: Path, commits: dict[str, str]) -> Iterator[str]:
    Backend.root = str(tmp_path / "www")
    git(tmp_path / "www/acme/rl.git", "config", "uploadpack.allowFilter", "true")
    yield from serve(Backend)


def test_a_commit_that_the_repository_has_passes_and_nothing_is_left(
    git_host: str, commits: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    for name in ("first", "third"):
        GitRepositories().check_commit(CodeVersion.parse(f"acme/rl@{commits[name]}", git_host))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(f"acme/rl@{'12' * 20}", f"`acme/rl` has no commit `{'12' * 20}`", id="SHA-1"),
        pytest.param(f"acme/none@{'12' * 20}", "shows me no repository `acme/none`", id="no repository"),
    ],
)
def test_a_commit_that_is_not_there_is_refused_in_words(git_host: str, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        GitRepositories().check_commit(CodeVersion.parse(text, git_host))


def test_a_host_that_gives_out_no_commit_by_its_name_leaves_it_unchecked(host: str, commits: dict[str, str]) -> None:
    code = CodeVersion.parse(f"acme/rl@{commits['first']}", host)
    assert refusal_of(lambda: GitRepositories().check_commit(code)) is None


@pytest.mark.filterwarnings("ignore")  # SkyPilot's own libraries warn when they are imported
def test_skypilot_accepts_the_task_and_its_script_fetches_that_commit(
    host: str, commits: dict[str, str], tmp_path: Path
) -> None:
    task: dict[str, Any] = {"name": "toy", "run": "cat reward.py"}
    check_out(task, CodeVersion("acme/rl", commits["second"], host))
    assert find_schema_problem(task) is None
    sky = find_spec("sky")
    assert sky
    assert sky.origin
    script = Path(sky.origin).parent / "utils/git_clone.sh"
    folder = tmp_path / "sky_workdir"
    subprocess.run(
        ["/bin/bash", str(script), str(folder)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **task["envs"]},
        capture_output=True,
        check=True,
    )
    assert (folder / "reward.py").read_text() == "NAME = 'second'\n"
