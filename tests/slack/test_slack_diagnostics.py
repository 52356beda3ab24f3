"""What Slack's answer shows of a token."""

from bot.slack.slack_diagnostics import parse_answer


def test_a_clock_is_compared_with_the_middle_of_the_question() -> None:
    found = parse_answer({"ok": True}, {"date": "Thu, 01 Jan 1970 00:02:00 GMT"}, called_at=50.0)
    assert (found.ahead_seconds, found.scopes, found.error) == (70.5, None, "")
