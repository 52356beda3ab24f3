"""Languages: the workspace's for channels, and each person's own choice."""

import logging
from datetime import timedelta

from bot.app.store_ports import LanguageStore
from bot.errors import Unavailable

log = logging.getLogger(__name__)

REFRESH_PERIOD = timedelta(seconds=30)
"""How often the choices are read: another bot on the same store may have recorded one."""


class LanguagePreferences:
    """The languages that people have chosen, read ahead, so that an answer does not wait for the store for this.

    Args:
        workspace: the language of channels, and of people who have chosen none.
    """

    def __init__(self, store: LanguageStore, workspace: str) -> None:
        self._store = store
        self.workspace = workspace
        self._choices: dict[str, str] = {}

    def get_language(self, user: str | None) -> str:
        """Return a person's language. It calls nothing outside, and so cannot fail."""
        return self._choices.get(user or "", self.workspace)

    def choose(self, user: str, language: str | None) -> None:
        """Record a person's choice; None for the workspace's language.

        Raises:
            Unavailable: it may not have been recorded.
        """
        self._store.choose_language(user, language)
        others = {name: choice for name, choice in self._choices.items() if name != user}
        self._choices = others | ({user: language} if language else {})

    def refresh(self) -> None:
        """Read all choices; where the store does not answer, keep the earlier ones."""
        try:
            self._choices = dict(self._store.get_languages())
        except Unavailable as error:
            log.warning("who has chosen which language cannot be read: %s", error)
