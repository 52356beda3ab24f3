"""Repositories of code in memory: what they have is set, and what was asked is kept."""

from dataclasses import dataclass, field

from bot.core.model.code_version import CodeVersion
from bot.errors import BeingStopped, Unavailable, UserError

FIRST, SECOND = "4f3c2a1" + 33 * "0", "b2f4add" + 33 * "1"
"""Two commits of `acme/rl`: its branch `main` has the first."""


@dataclass
class FakeRepositories:
    """Attributes:
    commits: by version as it is typed. asked: the requested versions. answers: whether the host does.
    bot_ends: whether the bot ends while it waits for the host.
    """

    commits: dict[str, str] = field(default_factory=lambda: {"acme/rl@main": FIRST, "acme/rl": FIRST})
    asked: list[str] = field(default_factory=list)
    answers: bool = True
    bot_ends: bool = False

    def ask(self, code: CodeVersion) -> None:
        self.asked.append(str(code))
        if self.bot_ends:
            raise BeingStopped("The bot ends.")
        if not self.answers:
            raise Unavailable("The host does not answer.")

    def find_commit(self, code: CodeVersion) -> str:
        self.ask(code)
        if str(code) not in self.commits:
            raise UserError(f"There is no {code}.")
        return self.commits[str(code)]

    def check_commit(self, code: CodeVersion) -> None:
        self.ask(code)
        if code.reference not in self.commits.values():
            raise UserError(f"There is no {code}.")
