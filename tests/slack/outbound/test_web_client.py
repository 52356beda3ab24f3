"""Errors of Slack's Web API, sorted by what mends them, and the limit for each channel."""

from datetime import timedelta
from http.client import RemoteDisconnected

import pytest
from slack_sdk.errors import SlackApiError

from bot.slack.outbound.web_client import (
    MAX_POST_BURST,
    ChannelRateLimiter,
    SlackRateLimited,
    SlackRejected,
    SlackUncertain,
    classify_slack_errors,
    read_retry_after,
)
from tests.builders import NOON


def api_error(status: int, code: str) -> SlackApiError:
    return SlackApiError("refused", {"status": status, "error": code})  # type: ignore[no-untyped-call]  # Slack's


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(api_error(200, "channel_not_found"), SlackRejected, id="a refusal"),
        pytest.param(api_error(200, "internal_error"), SlackUncertain, id="a refusal that may have acted"),
        pytest.param(api_error(200, "<html>"), SlackUncertain, id="a code that is not Slack's"),
        pytest.param(api_error(200, ""), SlackUncertain, id="no code"),
        pytest.param(api_error(503, "channel_not_found"), SlackUncertain, id="a server that fails"),
        pytest.param(TimeoutError("slow"), SlackUncertain, id="no answer in time"),
        pytest.param(RemoteDisconnected("gone"), SlackUncertain, id="a connection that breaks"),
        pytest.param(ValueError("no JSON"), SlackUncertain, id="an answer that is no JSON"),
    ],
)
def test_only_a_refusal_of_slacks_own_proves_that_nothing_was_done(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as met, classify_slack_errors():
        raise error
    assert met.value.__cause__ is error


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 0), ({"Retry-After": "600"}, 600), ({"retry-after": "soon"}, 0)], ids=str
)
def test_a_server_that_fails_may_name_how_long_to_wait(headers: dict[str, str], seconds: int) -> None:
    error = SlackApiError("failed", {"status": 503, "headers": headers})  # type: ignore[no-untyped-call]  # Slack's
    with pytest.raises(SlackUncertain) as met, classify_slack_errors():
        raise error
    assert met.value.retry_after == timedelta(seconds=seconds)


def test_a_mistake_of_ours_is_no_error_of_slacks() -> None:
    with pytest.raises(KeyError), classify_slack_errors():
        raise KeyError("ours")


def test_a_refusal_names_slacks_code() -> None:
    with pytest.raises(SlackRejected) as met, classify_slack_errors():
        raise api_error(200, "is_archived")
    assert met.value.code == "is_archived"
    assert not isinstance(met.value, SlackRateLimited)


def test_after_a_burst_each_channel_gets_one_message_a_second() -> None:
    limiter = ChannelRateLimiter()
    waits = [limiter.acquire_post("C0TRAIN", f"run {number}", 2, NOON) for number in range(MAX_POST_BURST + 2)]
    assert waits == [*[timedelta()] * MAX_POST_BURST, timedelta(seconds=1), timedelta(seconds=2)]
    assert limiter.acquire_post("C0OTHER", "run 9", 2, NOON) == timedelta()


@pytest.mark.parametrize("code", ["rate_limited", "ratelimited"])
def test_a_rate_limit_with_the_status_200_is_waited_for(code: str) -> None:
    with pytest.raises(SlackRateLimited) as met, classify_slack_errors():
        raise api_error(200, code)
    assert met.value.retry_after >= timedelta(seconds=1)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"Retry-After": "30"}, 30, id="as Slack says"),
        pytest.param({"retry-after": "30"}, 30, id="in small letters"),
        pytest.param({"Retry-After": "0"}, 1, id="never at once"),
        pytest.param({"Retry-After": "-5"}, 1, id="never before now"),
        pytest.param({"Retry-After": "nan"}, 10, id="no number"),
        pytest.param({"Retry-After": "1e300"}, 86_400, id="a day at most"),
        pytest.param({}, 10, id="Slack does not say"),
    ],
)
def test_a_wait_is_as_long_as_slack_says_within_bounds(headers: dict[str, str], seconds: int) -> None:
    assert read_retry_after(headers) == timedelta(seconds=seconds)
