"""Publisher of the App Home pages: keeps them up to date for people who look at them."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from slack_sdk import WebClient

from bot.access_control import AccessControl
from bot.core.access import refuse_act
from bot.core.actor import Actor
from bot.core.roles import Act
from bot.errors import Unavailable, UserError
from bot.isolation import report_once
from bot.language import speaking
from bot.ports import Now
from bot.service import Service
from bot.slack import answers
from bot.slack import home as home_view
from bot.slack.blocks import Block
from bot.slack.client import Doubtful, Limited, Refused, sorted_failures
from bot.slack.home import Runs, home, stamped
from bot.tongues import Tongues

log = logging.getLogger(__name__)

LOOKS_FOR = timedelta(hours=1)
"""How long a page is updated after it was opened: Slack does not report when a person closes it."""

MOST = 50
"""Maximum pages that are kept up to date; Slack accepts a hundred updates a minute."""


class Homes:
    """The App Home pages that people have opened, the latest last.

    Args:
        language_preferences: the language of each page; access: who may see what.
        wake: triggers `publish` now.
    """

    def __init__(
        self,
        service: Service,
        client: WebClient,
        tongues: Tongues,
        access: AccessControl,
        now: Now,
        wake: Callable[[], None],
    ) -> None:
        self._access = access
        self._teams: dict[str, str] = {}
        self._tongues = tongues
        self._service = service
        self._client = client
        self._now = now
        self._wake = wake
        self._lock = Lock()
        self._opened: dict[str, datetime] = {}
        self._shown: dict[str, list[Block]] = {}
        self._rest_until: datetime | None = None

    def opened(self, user: str, team: str = "") -> None:
        """Record that a person looks at the page, and publish it.

        Args:
            team: the person's workspace, as Slack has signed it; empty to use the one that was recorded before.
        """
        with self._lock:
            self._teams[user] = team or self._teams.get(user, "")
            self._opened.pop(user, None)
            self._opened[user] = self._now()
            self._shown.pop(user, None)
        self._wake()

    def changed(self, user: str) -> None:
        """Publish a person's page again, if it is open, after the person has done something that it shows."""
        if user in self._opened:
            self.opened(user)

    def publish(self) -> timedelta | None:
        """Publish every page whose content has changed. Return the delay that Slack's rate limit demands; None for
        none.
        """
        now = self._now()
        if self._rest_until and now < self._rest_until:
            return self._rest_until - now
        for user in self._looking():
            try:
                with speaking(self._tongues.of(user)):
                    self._bring(user)
            except Limited as limited:
                self._rest_until = now + limited.wait
                return limited.wait
            except (Doubtful, Unavailable) as error:
                log.warning("the page of %s: %s", user, error)
            except Refused as error:
                log.error("Slack takes no page for %s: %s", user, error.code)
                self._forget(user)
            except Exception as error:
                # A page that cannot be rendered must not block the others.
                report_once(f"the page of {user}", error)
        return None

    def _looking(self) -> list[str]:
        """Return the people whose pages are kept up to date, after dropping pages that are too old or too many."""
        now = self._now()
        with self._lock:
            late = [user for user, at in self._opened.items() if now - at > LOOKS_FOR]
            crowded = list(self._opened)[:-MOST]
            for user in {*late, *crowded}:
                del self._opened[user]
                self._shown.pop(user, None)
                self._teams.pop(user, None)
            return list(self._opened)

    def _bring(self, user: str) -> None:
        """Publish a person's page if its content has changed."""
        now = self._now()
        blocks = self._blocks(user, now)
        if self._shown.get(user) == blocks:
            return
        with sorted_failures():
            self._client.views_publish(user_id=user, view=stamped(blocks, now))
        self._shown[user] = blocks

    def _blocks(self, user: str, now: datetime) -> list[Block]:
        """Return the page of a person; the reason if the person may not see anything here."""
        actor = self._access.actor(user, self._teams.get(user, ""), "")
        try:
            refuse_act(self._service.policy, Act.READ, actor)
        except UserError as error:
            return list(answers.refusal(error)["blocks"])
        return home(self._runs(actor), now)

    def _runs(self, actor: Actor) -> Runs:
        """Return the runs that the person's page shows."""
        queries = self._service.queries
        active = queries.active()
        own = [run for run in active if run.requester == actor.user]
        team = [run for run in active if run.requester != actor.user]
        ended = queries.listed("ended", actor.user)[: home_view.ENDED]
        return Runs(own, queries.shown_to(actor, team), queries.shown_to(actor, ended))

    def _forget(self, user: str) -> None:
        """Stop updating a person's page."""
        with self._lock:
            self._opened.pop(user, None)
            self._shown.pop(user, None)
