"""What the doctor says of Slack's answers: the tokens, the scopes, the connection, the clock."""

from dataclasses import replace

import pytest

from bot.cli.doctor import slack_checks
from bot.cli.doctor.checklist import DoctorStatus
from bot.errors import Unavailable
from bot.slack.manifest import SCOPES
from bot.slack.slack_diagnostics import TokenCheck
from tests.cli.doctor.judgements import FAILURE, OK, SILENT, SKIPPED, WARNING, told

WELL = TokenCheck(team="lab", bot="verlbot", scopes=frozenset(SCOPES), ahead_seconds=0.4)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        pytest.param(WELL, OK, ["@verlbot in lab"], id="well"),
        pytest.param(TokenCheck("invalid_auth"), FAILURE, ["invalid_auth", "SLACK_BOT_TOKEN"], id="wrong"),
        pytest.param(TokenCheck("not_allowed_token_type"), FAILURE, ["Bot User OAuth Token"], id="another kind"),
        pytest.param(TokenCheck("some_new_word"), FAILURE, ["`some_new_word`"], id="a word that we do not know"),
        pytest.param(SILENT, FAILURE, ["Connection refused"], id="silence"),
    ],
)
def test_the_bot_token(answer: TokenCheck | Unavailable, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_token(answer), status, *words)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        pytest.param(WELL, OK, [f"all {len(SCOPES)}"], id="just those"),
        pytest.param(
            replace(WELL, scopes=frozenset(SCOPES) - {"files:write", "commands"}),
            FAILURE,
            ["`commands` (for /verl)", "`files:write` (to put long logs", "reinstall"],
            id="two are lacking, each with what it is for",
        ),
        pytest.param(
            replace(WELL, scopes=frozenset(SCOPES) | {"team:read", "admin"}),
            WARNING,
            ["not needed: `admin` and `team:read`"],
            id="two too many",
        ),
        pytest.param(replace(WELL, scopes=None), WARNING, ["docs/slack-scopes.md"], id="Slack does not say"),
        pytest.param(TokenCheck("invalid_auth"), SKIPPED, ["because Slack refuses"], id="a wrong token"),
        pytest.param(SILENT, SKIPPED, ["because Slack does not answer"], id="silence"),
    ],
)
def test_the_scopes(answer: TokenCheck | Unavailable, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_scopes(answer, SCOPES), status, *words)


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        pytest.param(TokenCheck(address="wss://x"), OK, ["connections:write"], id="well"),
        pytest.param(TokenCheck("missing_scope"), FAILURE, ["`connections:write`"], id="without its scope"),
        pytest.param(TokenCheck("not_allowed_token_type"), FAILURE, ["xapp-"], id="the bot's instead"),
        pytest.param(TokenCheck("invalid_auth"), FAILURE, ["SLACK_APP_TOKEN"], id="wrong"),
        pytest.param(SILENT, FAILURE, ["does not answer"], id="silence"),
    ],
)
def test_the_app_token(answer: TokenCheck | Unavailable, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_app_token(answer), status, *words)


@pytest.mark.parametrize(
    ("connections", "status", "words"),
    [
        pytest.param(1, OK, ["opens"], id="ours alone"),
        pytest.param(3, OK, ["2 more open"], id="others, such as the bot's"),
        pytest.param(SILENT, FAILURE, ["Connection refused", "VERLBOT_SLACK_MODE=http"], id="blocked"),
        pytest.param(None, SKIPPED, ["because the app token"], id="no token for it"),
    ],
)
def test_the_connection(connections: int | Unavailable | None, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_connection(connections), status, *words)


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        pytest.param(1.0, OK, ["as Slack's"], id="a second, which its header leaves open"),
        pytest.param(4.0, OK, ["4 s behind"], id="four seconds"),
        pytest.param(-6.0, WARNING, ["6 s ahead of", "NTP"], id="six seconds"),
        pytest.param(61.0, FAILURE, ["61 s behind", "NTP"], id="past a minute"),
        pytest.param(None, SKIPPED, ["does not say"], id="no date in the answer"),
    ],
)
def test_the_clock(ahead: float | None, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_clock(TokenCheck(ahead_seconds=ahead)), status, *words)


@pytest.mark.parametrize(
    ("url", "status", "runs", "mark", "words"),
    [
        pytest.param("https://x", 401, True, OK, ["leads to the bot"], id="Bolt refuses the unsigned"),
        pytest.param("", None, True, WARNING, ["VERLBOT_PUBLIC_URL"], id="no address"),
        pytest.param("http://x", 401, True, FAILURE, ["TLS"], id="no TLS"),
        pytest.param("https://x", 404, True, FAILURE, ["404", "/slack/events"], id="a proxy that passes nothing on"),
        pytest.param("https://x", 502, False, WARNING, ["no bot runs", "verlbot run"], id="before the first start"),
        pytest.param("https://x", SILENT, True, FAILURE, ["Connection refused"], id="no server there"),
    ],
)
def test_whether_slack_reaches_the_bot(
    url: str, status: int | Unavailable | None, runs: bool, mark: DoctorStatus, words: list[str]
) -> None:
    told(slack_checks.judge_reach(url, status, runs), mark, *words)


@pytest.mark.parametrize(
    ("answers", "status", "words"),
    [
        pytest.param({"a card": "", "a form": "", "a chart": ""}, OK, ["a card, a form and a chart"], id="well"),
        pytest.param({"a card": "", "a chart": "invalid_blocks"}, WARNING, ["pictures of charts"], id="no charts"),
        pytest.param(
            {"a card": "invalid_message (/blocks/0 too long)", "a chart": ""},
            FAILURE,
            ["a card: invalid_message (/blocks/0 too long)"],
            id="a card that Slack refuses",
        ),
        pytest.param({"a card": None, "a chart": None}, SKIPPED, ["no `blocks.validate`"], id="a Slack without it"),
        pytest.param(SILENT, SKIPPED, ["Connection refused"], id="silence"),
    ],
)
def test_the_messages(answers: dict[str, str | None] | Unavailable, status: DoctorStatus, words: list[str]) -> None:
    told(slack_checks.judge_messages(answers), status, *words)
