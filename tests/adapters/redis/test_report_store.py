"""Reports and notices in the store: each comes back, is changed by one at a time, and spoils no other."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from bot.adapters.redis.connection import NOTICES, REPORTS
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.report import Report
from bot.core.model.sent_message import Notice, SentMessage
from tests.builders import NOON, at


def test_a_notice_of_another_version_is_left_out(store: RedisStore, redis: Redis) -> None:
    redis.hset(NOTICES, "C1 x", "{")
    assert store.list_notices() == []


def a_notice(**changes: Any) -> Notice:
    return replace(Notice(key="lost", channel="C1", text="a", created_at=NOON), **changes)


def a_report(report_id: str = "report-1") -> Report:
    return Report(
        id=report_id, channel="C1", by="U0ANA", when="daily 09:00", zone="UTC", last_due_at=NOON, covered_until=NOON
    )


def test_reports_come_back_in_the_order_in_which_people_asked_for_them(store: RedisStore) -> None:
    added = [store.add_report(a_report) for _ in range(12)]
    assert [report.id for report in added] == [f"report-{number}" for number in range(1, 13)]
    assert store.list_reports() == added


def test_a_number_of_a_removed_report_is_not_used_again(store: RedisStore) -> None:
    store.remove_report(store.add_report(a_report).id)
    assert store.add_report(a_report).id == "report-2"


def test_deliveries_at_the_same_moment_are_all_counted(store: RedisStore) -> None:
    store.add_report(a_report)

    def count(_: int) -> None:
        store.update_report("report-1", lambda report: replace(report, delivery_count=report.delivery_count + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(20)))
    (report,) = store.list_reports()
    assert report.delivery_count == 20


def test_a_report_that_was_removed_is_not_changed_and_does_not_come_back(store: RedisStore) -> None:
    assert store.update_report("report-1", lambda report: report) is None
    assert store.list_reports() == []


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{", id="no JSON"),
        pytest.param('{"schema": 1, "report": {"id": "report-1"}}', id="fields are missing"),
        pytest.param(None, id="of a newer verlbot"),
    ],
)
def test_a_report_that_cannot_be_read_is_left_alone_and_hides_no_other(
    store: RedisStore, redis: Redis, caplog: pytest.LogCaptureFixture, document: str | None
) -> None:
    store.add_report(a_report)
    newer = json.loads(redis.hget(REPORTS, "report-1") or "") | {"schema": 99}
    redis.hset(REPORTS, "report-1", document or json.dumps(newer))
    other = store.add_report(a_report)
    before = redis.hget(REPORTS, "report-1")
    assert store.list_reports() == [other]
    assert store.update_report("report-1", lambda report: replace(report, channel="C9")) is None
    assert redis.hget(REPORTS, "report-1") == before
    assert "report-1" in caplog.text


def test_of_one_notice_for_a_channel_the_first_counts(store: RedisStore) -> None:
    first, second = a_notice(), a_notice(text="b", created_at=at(1))
    elsewhere = a_notice(channel="C2", created_at=at(-1))
    assert [store.add_notice(notice) for notice in (first, second, elsewhere)] == [True, False, True]
    assert store.list_notices() == [elsewhere, first]


def test_a_notice_keeps_what_was_sent_of_it_until_it_is_forgotten(store: RedisStore) -> None:
    notice = a_notice()
    store.add_notice(notice)
    sent = replace(notice, sent_message=SentMessage("1.2", "d", "", NOON))
    assert store.change_notice(notice.id, lambda _: sent) == sent
    assert store.list_notices() == [sent]
    store.change_notice(notice.id, lambda _: None)
    assert store.list_notices() == []
