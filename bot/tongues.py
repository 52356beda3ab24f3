"""Who is spoken to in which language: the workspace in its own, a person in the one that he chose."""

import logging
from datetime import timedelta

from bot.errors import Unavailable
from bot.ports import Store

log = logging.getLogger(__name__)

REFRESH_PERIOD = timedelta(seconds=30)
"""Another bot on the same store may have been told of a choice."""


class Tongues:
    """The languages that people have chosen, known ahead: an answer waits for the store once, and not for this.

    Args:
        workspace: the language of channels, and of those who have chosen none.
    """

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self.workspace = workspace
        self._chosen: dict[str, str] = {}

    def of(self, user: str | None) -> str:
        """The language of a person. Asks nobody, and so cannot fail."""
        return self._chosen.get(user or "", self.workspace)

    def choose(self, user: str, language: str | None) -> None:
        """Record what a person has chosen; None for whatever the workspace's language is.

        Raises:
            Unavailable: it may not have been recorded.
        """
        self._store.choose_language(user, language)
        chosen = {name: one for name, one in self._chosen.items() if name != user}
        self._chosen = chosen | ({user: language} if language else {})

    def refresh(self) -> None:
        """Learn what has been chosen; what was known before stands where the store does not answer."""
        try:
            self._chosen = dict(self._store.languages())
        except Unavailable as error:
            log.warning("who has chosen which language cannot be read: %s", error)
