"""The team's own code: what may be typed, what is a commit, and what SkyPilot is told to fetch."""

from typing import Any

import pytest

from bot.core.model.code_version import CodeVersion, check_out
from bot.core.model.recipe import CODE
from bot.errors import UserError

COMMIT = "4f3c2a1" + 33 * "0"


@pytest.mark.parametrize(
    ("text", "repository", "reference", "is_pinned"),
    [
        pytest.param("acme/rl", "acme/rl", "", False, id="the default branch"),
        pytest.param("acme/rl@main", "acme/rl", "main", False, id="a branch"),
        pytest.param("acme/rl@feature/kl-2", "acme/rl", "feature/kl-2", False, id="a branch with a slash"),
        pytest.param("acme/rl@v1.2+b", "acme/rl", "v1.2+b", False, id="a tag"),
        pytest.param(f"acme/rl@{COMMIT}", "acme/rl", COMMIT, True, id="a commit"),
        pytest.param(f"acme/rl@{64 * 'a'}", "acme/rl", 64 * "a", True, id="a commit by SHA-256"),
        pytest.param("acme/rl@4f3c2a1", "acme/rl", "4f3c2a1", False, id="a shortened commit, which may be a branch"),
        pytest.param("acme/rl.git@main", "acme/rl", "main", False, id="the ending of a clone"),
        pytest.param("acme/ml/rl", "acme/ml/rl", "", False, id="a group within a group"),
    ],
)
def test_a_repository_and_its_version_are_read(text: str, repository: str, reference: str, is_pinned: bool) -> None:
    code = CodeVersion.parse(str(CODE.parse(text)))
    assert (code.repository, code.reference, code.is_pinned) == (repository, reference, is_pinned)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("rl", id="no owner"),
        pytest.param("https://github.com/acme/rl", id="an address"),
        pytest.param("git@github.com:acme/rl", id="an address of SSH"),
        pytest.param("acme/../rl", id="a path upwards"),
        pytest.param("-acme/rl", id="an option in place of a repository"),
        pytest.param("acme/rl@--upload-pack=sh", id="an option in place of a branch"),
        pytest.param("acme/rl@m*", id="a pattern"),
        pytest.param("acme/rl@a b", id="a blank"),
        pytest.param("acme/rl@", id="no branch after the sign"),
        pytest.param("acme/rl@$(id)", id="a command"),
        pytest.param("acme/rl@a:b", id="two sides of a push"),
        pytest.param("acme/rl@" + 300 * "a", id="a long name"),
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="a repository such as `acme/rl`"):
        CODE.parse(text)


def test_the_addresses_are_those_of_the_set_host() -> None:
    code = CodeVersion.parse(f"acme/rl@{COMMIT}", "https://git.acme.example/forge")
    assert code.clone_url == "https://git.acme.example/forge/acme/rl.git"
    assert code.page == f"https://git.acme.example/forge/acme/rl/commit/{COMMIT}"


@pytest.mark.parametrize(
    ("task", "code", "workdir", "envs"),
    [
        pytest.param({}, None, None, {}, id="no code"),
        pytest.param({"workdir": "."}, None, ".", {}, id="a folder"),
        pytest.param(
            {"envs": {"A": "1"}},
            CodeVersion("acme/rl", COMMIT),
            {"url": "https://github.com/acme/rl.git", "ref": COMMIT},
            {"A": "1", "GIT_URL": "https://github.com/acme/rl.git", "GIT_COMMIT_HASH": COMMIT},
            id="a commit",
        ),
        pytest.param(
            {"workdir": {"url": "https://a.example/b.git", "ref": "main"}},
            None,
            {"url": "https://a.example/b.git", "ref": "main"},
            {"GIT_URL": "https://a.example/b.git", "GIT_BRANCH": "main"},
            id="a recipe's own branch",
        ),
        pytest.param(
            {"workdir": {"url": "https://a.example/b.git"}},
            None,
            {"url": "https://a.example/b.git"},
            {"GIT_URL": "https://a.example/b.git"},
            id="a recipe's own repository",
        ),
        pytest.param(
            {"workdir": {"url": "https://a.example/$X.git"}},
            None,
            {"url": "https://a.example/$X.git"},
            {},
            id="a variable",
        ),
    ],
)
def test_skypilot_is_told_what_to_fetch(
    task: dict[str, Any], code: CodeVersion | None, workdir: Any, envs: Any
) -> None:
    check_out(task, code)
    assert (task.get("workdir"), task.get("envs") or {}) == (workdir, envs)
