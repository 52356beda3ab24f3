"""Publisher of the App Home pages: keeps them up to date for people who look at them."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from threading import Lock

from slack_sdk import WebClient

from bot.app.access_control import AccessControl
from bot.app.language_preferences import LanguagePreferences
from bot.app.ports import Now
from bot.app.report_service import ReportService, load_zone
from bot.app.run_service import RunService
from bot.core.model.people import Act, Actor
from bot.core.model.policy import Measure, Scope
from bot.core.model.report import Report
from bot.core.model.run import Run
from bot.core.rules.access import check_may_approve, refuse_act
from bot.core.rules.attention import check_month
from bot.core.rules.monthly_budget import CapUsage
from bot.errors import Unavailable, UserError
from bot.i18n import use_language
from bot.runtime.failure_isolation import report_once
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain, classify_slack_errors
from bot.slack.views import answers, home_view
from bot.slack.views.approval_views import is_awaiting_approval
from bot.slack.views.blocks import Block
from bot.slack.views.home_view import HomeRuns, build_home_blocks, build_home_view

log = logging.getLogger(__name__)

VIEWING_PERIOD = timedelta(hours=1)
"""How long a page is updated after it was opened: Slack does not report when a person closes it."""

MAX_PAGES = 50
"""Maximum pages that are kept up to date; Slack accepts a hundred updates a minute."""


MAX_CHANNEL_BUDGETS = 3
"""Maximum channels whose monthly budgets a page shows."""


class HomePublisher:
    """The App Home pages that people have opened, the latest last.

    Args:
        language_preferences: the language of each page; access: who may see what.
        reports: the scheduled reports.
        wake: triggers `publish` now.
    """

    def __init__(
        self,
        service: RunService,
        client: WebClient,
        language_preferences: LanguagePreferences,
        access: AccessControl,
        reports: ReportService,
        now: Now,
        wake: Callable[[], None],
    ) -> None:
        self._reports = reports
        self._access = access
        self._teams: dict[str, str] = {}
        self._language_preferences = language_preferences
        self._service = service
        self._client = client
        self._now = now
        self._wake = wake
        self._lock = Lock()
        self._opened_at: dict[str, datetime] = {}
        self._published_blocks: dict[str, list[Block]] = {}
        self._rate_limited_until: datetime | None = None

    def mark_opened(self, user: str, team: str = "") -> None:
        """Record that a person looks at the page, and publish it.

        Args:
            team: the person's workspace, as Slack has signed it; empty to use the one that was recorded before.
        """
        with self._lock:
            self._teams[user] = team or self._teams.get(user, "")
            self._opened_at.pop(user, None)
            self._opened_at[user] = self._now()
            self._published_blocks.pop(user, None)
        self._wake()

    def refresh_if_open(self, user: str) -> None:
        """Publish a person's page again, if it is open, after the person has done something that it shows."""
        if user in self._opened_at:
            self.mark_opened(user)

    def publish(self) -> timedelta | None:
        """Publish every page whose content has changed. Return the delay that Slack's rate limit demands; None for
        none.
        """
        now = self._now()
        if self._rate_limited_until and now < self._rate_limited_until:
            return self._rate_limited_until - now
        for user in self._list_viewers():
            try:
                with use_language(self._language_preferences.get_language(user)):
                    self._publish_page(user)
            except SlackRateLimited as rate_limit:
                self._rate_limited_until = now + rate_limit.retry_after
                return rate_limit.retry_after
            except (SlackUncertain, Unavailable) as error:
                log.warning("the page of %s: %s", user, error)
            except SlackRejected as error:
                log.error("Slack takes no page for %s: %s", user, error.code)
                self._forget(user)
            except Exception as error:
                # A page that cannot be rendered must not block the others.
                report_once(f"the page of {user}", error)
        return None

    def _list_viewers(self) -> list[str]:
        """Return the people whose pages are kept up to date, after dropping pages that are too old or too many."""
        now = self._now()
        with self._lock:
            expired = [user for user, at in self._opened_at.items() if now - at > VIEWING_PERIOD]
            surplus = list(self._opened_at)[:-MAX_PAGES]
            for user in {*expired, *surplus}:
                del self._opened_at[user]
                self._published_blocks.pop(user, None)
                self._teams.pop(user, None)
            return list(self._opened_at)

    def _publish_page(self, user: str) -> None:
        """Publish a person's page if its content has changed."""
        now = self._now()
        blocks = self._build_blocks(user, now)
        if self._published_blocks.get(user) == blocks:
            return
        with classify_slack_errors():
            self._client.views_publish(user_id=user, view=build_home_view(blocks, now))
        self._published_blocks[user] = blocks

    def _build_blocks(self, user: str, now: datetime) -> list[Block]:
        """Return the page of a person; the reason if the person may not see anything here."""
        actor = self._access.find_actor(user, self._teams.get(user, ""), "")
        try:
            refuse_act(self._service.policy, Act.READ, actor)
        except UserError as error:
            return list(answers.render_user_error(error)["blocks"])
        return build_home_blocks(self._load_runs(actor), now)

    def _load_runs(self, actor: Actor) -> HomeRuns:
        """Return what the person's page shows."""
        queries = self._service.queries
        active_runs = queries.list_active()
        own_runs = [run for run in active_runs if run.requester == actor.user]
        approvals = [run for run in active_runs if self._may_approve(run, actor)][::-1]
        team_runs = [run for run in active_runs if run.requester != actor.user and run not in approvals]
        ended_runs = queries.list_runs("ended", actor.user)[: home_view.MAX_ENDED_RUNS]
        endangered_runs = self._list_endangered(actor, team_runs)
        return HomeRuns(
            own_runs,
            queries.redact_for(actor, team_runs),
            queries.redact_for(actor, ended_runs),
            self._service.monthly_budgets.show_requester_months(approvals),
            self._list_budgets(actor.user, [*endangered_runs, *own_runs]),
            self._list_schedules(actor),
            actor.user,
            endangered_runs,
        )

    def _list_endangered(self, actor: Actor, team_runs: Sequence[Run]) -> list[Run]:
        """Return the runs of others that a used-up monthly budget is about to stop, to a person who may raise it."""
        try:
            refuse_act(self._service.policy, Act.SET_MONTHLY_BUDGET, actor)
        except UserError:
            return []
        return [run for run in team_runs if check_month(run) and self._service.queries.visibility.can_see(actor, run)]

    def _may_approve(self, run: Run, actor: Actor) -> bool:
        """Return whether a launch waits for an approval that the person may give."""
        if not is_awaiting_approval(run):
            return False
        try:
            check_may_approve(self._service.policy, run, actor)
        except UserError:
            return False
        return True

    def _list_budgets(self, user: str, runs: Sequence[Run]) -> list[tuple[str, CapUsage]]:
        """Return the month of the person and of the workspace, and that of each channel of these runs, if it has a
        limit.
        """
        channels = list(dict.fromkeys(run.channel for run in runs))[:MAX_CHANNEL_BUDGETS]
        own = [("", usage) for usage in self._get_months(user, "") if usage.scope is not Scope.TEAM]
        return own + [
            (channel, usage)
            for channel in channels
            for usage in self._get_months(user, channel)
            if usage.scope is Scope.TEAM and usage.cap is not None
        ]

    def _get_months(self, user: str, channel: str) -> list[CapUsage]:
        """Return the monthly budgets that a launch of this person in this channel would draw on."""
        usages = self._service.monthly_budgets.get_cap_usage(user, channel)
        return [usage for usage in usages if usage.measure is Measure.DOLLARS_PER_MONTH]

    def _list_schedules(self, actor: Actor) -> list[tuple[Report, tzinfo]]:
        """Return the scheduled reports of channels that the person may see."""
        return [
            (report, load_zone(report.zone))
            for report in self._reports.store.list_reports()
            if report.by == actor.user or self._access.can_see_channel(actor, report.channel)
        ]

    def _forget(self, user: str) -> None:
        """Stop updating a person's page."""
        with self._lock:
            self._opened_at.pop(user, None)
            self._published_blocks.pop(user, None)
