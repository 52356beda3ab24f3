"""Boards over whatever may happen: kills, lost answers, limits, quiet hours. None is told twice, and none is lost."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.adapters.redis.redis_store import RedisStore
from bot.app.rate_limits import InteractivePriority
from bot.app.report_service import ReportService
from bot.core.commands.report_command import AddReport, ReportOptions
from bot.core.model.schedule import Daily, Interval, QuietHours, Schedule, Weekdays, find_last_due, find_quiet_end
from bot.slack.outbound.chart_publisher import ChartPublisher
from bot.slack.outbound.outbox import Outbox
from bot.slack.outbound.report_notifier import ReportPublisher
from tests.builders import running
from tests.story import ANA, TRAINING, FakePainter

BEGIN = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""A Friday; the Sunday after it is short in Berlin."""

BERLIN = ZoneInfo("Europe/Berlin")


class Killed(BaseException):
    """The process is gone."""


class Limit(dict[str, Any]):
    """What the SDK has of an answer that asks to wait."""

    status_code = 429

    def __init__(self) -> None:
        super().__init__(status=429)
        self.headers = {"Retry-After": "2"}


class Channel:
    """A channel of Slack's in memory, whose next call meets with a fate.

    Attributes:
        boards: when each was posted, by its occasion.
        fate: of the next call: `limited`, `broken` (done nothing), `lost` (done, and no answer), `killed before` or
            `killed after`.
    """

    def __init__(self) -> None:
        self.now = BEGIN
        self.messages: list[dict[str, Any]] = []
        self.fate = ""

    def chat_postMessage(self, **content: Any) -> dict[str, Any]:  # noqa: N802  # the SDK's
        self.meet("limited", "broken", "killed before")
        message = {"ts": str(len(self.messages)), "at": self.now, **content}
        self.messages.append(message)
        self.meet("lost", "killed after")
        return {"ts": message["ts"], "channel": content["channel"]}

    def chat_update(self, **content: Any) -> dict[str, Any]:
        self.meet("limited", "broken", "killed before")
        next(one for one in self.messages if one["ts"] == content["ts"])["text"] = content["text"]
        self.meet("lost", "killed after")
        return {"ts": content["ts"]}

    def conversations_history(self, **asked: Any) -> dict[str, Any]:
        self.meet("limited", "broken", "lost", "killed before", "killed after")
        return {"messages": list(self.messages)}

    def meet(self, *fates: str) -> None:
        if self.fate not in fates:
            return
        fate, self.fate = self.fate, ""
        if fate.startswith("killed"):
            raise Killed
        if fate == "limited":
            raise SlackApiError("limited", Limit())  # type: ignore[no-untyped-call]  # the SDK's
        raise OSError("no answer")

    @property
    def boards(self) -> list[tuple[datetime, datetime]]:
        """Occasion and when it was posted."""
        payloads = [(one["metadata"]["event_payload"], one["at"]) for one in self.messages]
        return [(datetime.fromtimestamp(found["occasion"], UTC), at) for found, at in payloads]


class Desk:
    """A report that is told in a channel, by bots that die and come back."""

    def __init__(self, redis: Redis, schedule: Schedule, quiet: QuietHours | None) -> None:
        redis.flushall()
        self.schedule, self.quiet = schedule, quiet
        self.channel, self.store = Channel(), RedisStore(redis)
        self.store.add(running(lease=timedelta(days=90)), {})  # so that every board has something to tell
        self.restart()
        self.reports.schedule(AddReport(schedule, ReportOptions(quiet=quiet)), ANA, TRAINING, "Europe/Berlin")

    def restart(self) -> None:
        self.reports = ReportService(self.store, lambda: self.channel.now, lambda: None)
        client, now = cast(WebClient, self.channel), lambda: self.channel.now
        self.boards = ReportPublisher(
            self.reports,
            self.store,
            Outbox(client, now, ChartPublisher(client, FakePainter(), now)),
            now,
            lambda: True,
            InteractivePriority(),
        )

    def turn(self, later: timedelta, fate: str = "") -> None:
        self.channel.now += later
        self.channel.fate = fate
        try:
            self.boards.publish_due_reports()
        except Killed:
            self.restart()
        self.channel.fate = ""

    def settle(self, turns: int = 8) -> None:
        """Enough time without trouble for any doubt and any wait."""
        for _ in range(turns):
            self.turn(timedelta(seconds=5))

    @property
    def newest(self) -> datetime:
        return find_last_due(self.schedule, self.channel.now, BERLIN)


times = st.sampled_from([time(2, 30), time(9), time(23, 59)])
schedules: st.SearchStrategy[Schedule] = st.one_of(
    times.map(Daily), times.map(Weekdays), st.sampled_from([5, 60, 120]).map(lambda m: Interval(timedelta(minutes=m)))
)
quiets = st.sampled_from([None, QuietHours(time(22), time(7)), QuietHours(time(12), time(13))])
fates = st.sampled_from(["", "", "limited", "broken", "lost", "killed before", "killed after"])
later = st.sampled_from([1, 5, 60, 1800, 3600, 5 * 3600, 86_400, 4 * 86_400]).map(lambda s: timedelta(seconds=s))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedules, quiets, st.lists(st.tuples(later, fates, st.booleans()), max_size=25))
def test_a_board_is_told_once_and_the_newest_one_always(
    redis: Redis, schedule: Schedule, quiet: QuietHours | None, events: list[tuple[timedelta, str, bool]]
) -> None:
    desk = Desk(redis, schedule, quiet)
    for pause, fate, restarts in events:
        if restarts:
            desk.restart()
        desk.turn(pause, fate)
    desk.settle()
    occasions = [occasion for occasion, _ in desk.channel.boards]
    assert occasions == sorted(set(occasions))
    assert all(find_quiet_end(quiet, at, BERLIN) is None for _, at in desk.channel.boards)
    assert all(occasion <= at for occasion, at in desk.channel.boards)
    if find_quiet_end(quiet, desk.channel.now, BERLIN) is None and desk.newest > BEGIN:
        assert occasions[-1] == desk.newest


@pytest.mark.parametrize("fate", ["", "limited", "broken", "lost", "killed before", "killed after"])
@pytest.mark.parametrize("schedule", [Daily(time(2, 30)), Interval(timedelta(hours=2))], ids=["daily", "every 2h"])
@pytest.mark.long
def test_of_every_occasion_on_which_the_bot_is_there_a_board_is_told(
    redis: Redis, schedule: Schedule, fate: str
) -> None:
    """Three days, one of them short, with a look every half an hour, which meets with trouble each time."""
    desk = Desk(redis, schedule, QuietHours(time(22), time(7)))
    expected: set[datetime] = set()
    for _ in range(3 * 48):
        desk.turn(timedelta(minutes=29, seconds=40), fate)
        desk.settle(4)
        if desk.newest > BEGIN and find_quiet_end(desk.quiet, desk.channel.now, BERLIN) is None:
            expected.add(desk.newest)
    assert [occasion for occasion, _ in desk.channel.boards] == sorted(expected)
    assert len(expected) > 2
