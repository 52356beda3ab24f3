"""Judgement of Slack's answers."""

from collections.abc import Mapping

from bot.cli.doctor.checklist import DoctorFinding, failure, join_names, ok, skip, warning
from bot.errors import Unavailable
from bot.slack.slack_diagnostics import TokenCheck

SLACK, TOKEN, SCOPES, APP_TOKEN, CONNECTION, CLOCK = (
    "Slack",
    "Slack bot token",
    "Slack scopes",
    "Slack app token",
    "Slack connection",
    "clock",
)
MESSAGES = "Slack messages"
SIGNING_SECRET, PUBLIC_URL = "Slack signing secret", "Slack reaches the bot"

CHART_SAMPLE = "a chart"
"""The sample that a workspace may refuse: Slack brings charts to one plan after the other."""

CLOCK_WARNING_SECONDS, CLOCK_FAILURE_SECONDS = 5, 60
"""Difference in seconds from which the clock gets a warning or a failure. Slack's signatures fail at five minutes,
leases and reports are off long before; its header is accurate to a second."""

APP_SETTINGS = "In the app's settings at https://api.slack.com/apps"

BOT_TOKEN_ADVICE = {
    "invalid_auth": f"{APP_SETTINGS}, copy the Bot User OAuth Token into SLACK_BOT_TOKEN.",
    "not_authed": f"{APP_SETTINGS}, copy the Bot User OAuth Token into SLACK_BOT_TOKEN.",
    "not_allowed_token_type": "Set SLACK_BOT_TOKEN to the Bot User OAuth Token, and no other.",
    "account_inactive": f"{APP_SETTINGS}, install the app again, and copy its new token into SLACK_BOT_TOKEN.",
    "token_revoked": f"{APP_SETTINGS}, install the app again, and copy its new token into SLACK_BOT_TOKEN.",
    "token_expired": "Turn token rotation off in the app (its manifest has it off), and install it again.",
}
"""Advice for each of Slack's refusals of a bot token."""

APP_TOKEN_ADVICE = {
    "missing_scope": f"{APP_SETTINGS}, Basic Information, make an app-level token with `connections:write`, and set "
    "SLACK_APP_TOKEN to it.",
    "not_allowed_token_type": "Set SLACK_APP_TOKEN to an app-level token (`xapp-…`), not to the bot's.",
    "internal_error": f"{APP_SETTINGS}, turn Socket Mode on.",
}
NEW_APP_TOKEN_ADVICE = (
    f"{APP_SETTINGS}, Basic Information, copy the app-level token with `connections:write` into SLACK_APP_TOKEN."
)


def judge_slack(answer: TokenCheck | Unavailable, api_url: str) -> DoctorFinding:
    """Judge whether Slack answers; the content of its answer to a caller without a token does not matter."""
    if isinstance(answer, Unavailable):
        return failure(
            SLACK,
            f"does not answer at {api_url}: {answer}",
            "Let this machine reach it: set HTTPS_PROXY where a proxy is needed, SSL_CERT_FILE where it has its own "
            "certificate (docs/install.md).",
        )
    return ok(SLACK, f"answers at {api_url}")


def no_answer_finding(subject: str, error: Unavailable) -> DoctorFinding:
    """Return a finding that Slack does not answer."""
    return failure(
        subject,
        f"Slack does not answer: {error}",
        "Run `verlbot doctor` again; if it still fails, see https://slack-status.com.",
    )


def judge_token(answer: TokenCheck | Unavailable) -> DoctorFinding:
    """Judge whether Slack accepts the bot token."""
    if isinstance(answer, Unavailable):
        return no_answer_finding(TOKEN, answer)
    if answer.error:
        advice = BOT_TOKEN_ADVICE.get(answer.error, f"Look up `{answer.error}` at https://docs.slack.dev/reference.")
        return failure(TOKEN, f"Slack refuses it: {answer.error}", advice)
    return ok(TOKEN, f"@{answer.bot} in {answer.team}")


def judge_scopes(answer: TokenCheck | Unavailable, required: Mapping[str, str]) -> DoctorFinding:
    """Judge whether the token may do what the bot does, and no more.

    Args:
        required: every scope that the bot needs, with its purpose.
    """
    if isinstance(answer, Unavailable):
        return skip(SCOPES, "Slack does not answer")
    if answer.error:
        return skip(SCOPES, "Slack refuses the bot token")
    if answer.scopes is None:
        return warning(SCOPES, "Slack does not say which the token has", "Compare them with docs/slack-scopes.md.")
    missing = [f"`{scope}` ({why})" for scope, why in required.items() if scope not in answer.scopes]
    if missing:
        return failure(
            SCOPES,
            f"missing: {', '.join(missing)}",
            f"{APP_SETTINGS}, OAuth & Permissions, add the missing scopes, or paste `verlbot manifest` again; "
            "then reinstall the app.",
        )
    surplus = sorted(answer.scopes - set(required))
    if surplus:
        return warning(
            SCOPES,
            f"all {len(required)}; not needed: {join_names([f'`{scope}`' for scope in surplus])}",
            f"{APP_SETTINGS}, OAuth & Permissions, remove what is not needed.",
        )
    return ok(SCOPES, f"all {len(required)}, and no other")


def judge_messages(answers: Mapping[str, str | None] | Unavailable) -> DoctorFinding:
    """Judge whether Slack takes what the bot sends.

    Args:
        answers: what Slack says of each sample: empty where it takes it, None where it does not check.
    """
    if isinstance(answers, Unavailable):
        return skip(MESSAGES, f"Slack does not answer: {answers}")
    if None in answers.values():
        return skip(MESSAGES, "this Slack has no `blocks.validate`")
    refused = {name: why for name, why in answers.items() if why}
    if not refused:
        return ok(MESSAGES, f"Slack takes {join_names(list(answers))}")
    result = f"Slack refuses {'; '.join(f'{name}: {why}' for name, why in refused.items())}"
    if list(refused) == [CHART_SAMPLE]:
        return warning(MESSAGES, result, "Nothing needs to be done: the bot sends pictures of charts instead.")
    return failure(
        MESSAGES, result, "Install the newest verlbot; if Slack still refuses them, report this line as a bug."
    )


def judge_app_token(answer: TokenCheck | Unavailable) -> DoctorFinding:
    """Judge whether Slack accepts the app token."""
    if isinstance(answer, Unavailable):
        return no_answer_finding(APP_TOKEN, answer)
    if answer.error:
        advice = APP_TOKEN_ADVICE.get(answer.error, NEW_APP_TOKEN_ADVICE)
        return failure(APP_TOKEN, f"Slack refuses it: {answer.error}", advice)
    return ok(APP_TOKEN, "may open connections (`connections:write`)")


def judge_connection(connections: int | Unavailable | None) -> DoctorFinding:
    """Judge whether a WebSocket to Slack opens.

    Args:
        connections: how many the app has open, ours included; None where Slack gave no address to open one.
    """
    if connections is None:
        return skip(CONNECTION, "the app token is not valid")
    if isinstance(connections, Unavailable):
        return failure(
            CONNECTION,
            f"no WebSocket to Slack opens: {connections}",
            "Let WebSockets to wss-primary.slack.com and wss-backup.slack.com through, or set VERLBOT_SLACK_MODE=http.",
        )
    others = connections - 1
    return ok(CONNECTION, "a WebSocket opens" + (f"; the app has {others} more open" if others else ""))


def judge_clock(answer: TokenCheck | Unavailable) -> DoctorFinding:
    """Judge whether this machine's clock agrees with Slack's."""
    if isinstance(answer, Unavailable):
        return skip(CLOCK, "Slack does not answer")
    if answer.ahead_seconds is None:
        return skip(CLOCK, "Slack does not say what time it has")
    off = abs(answer.ahead_seconds)
    result = f"{off:.0f} s {'behind' if answer.ahead_seconds > 0 else 'ahead of'} Slack's"
    advice = "Set the clock by NTP: `timedatectl set-ntp true`."
    if off > CLOCK_FAILURE_SECONDS:
        return failure(CLOCK, result, advice)
    if off > CLOCK_WARNING_SECONDS:
        return warning(CLOCK, result, advice)
    return ok(CLOCK, "as Slack's" if off < 1.5 else result)


def judge_reach(url: str, status: int | Unavailable | None, bot_runs: bool) -> DoctorFinding:
    """Judge whether Slack's deliveries reach the bot.

    Args:
        status: the HTTP status of an unsigned delivery; None where no address is set.
    """
    if status is None:
        return warning(
            PUBLIC_URL,
            "no address is set",
            "Set VERLBOT_PUBLIC_URL to the address in the app's manifest, and run `verlbot doctor` again.",
        )
    if not url.startswith("https://"):
        return failure(
            PUBLIC_URL,
            f"{url} is not one that Slack takes",
            "Put TLS before the bot, and set VERLBOT_PUBLIC_URL to https://….",
        )
    # The bot refuses an unsigned delivery with 401, so this answer is the bot's own.
    if status == 401:
        return ok(PUBLIC_URL, f"{url} leads to the bot")
    result = (
        f"{url} does not answer: {status}"
        if isinstance(status, Unavailable)
        else f"{url} answers {status}, not as the bot does"
    )
    if not bot_runs:
        return warning(
            PUBLIC_URL,
            f"{result}; no bot runs here",
            "Start the bot with `verlbot run`, then run `verlbot doctor` again.",
        )
    return failure(
        PUBLIC_URL, result, "Let the proxy pass /slack/events on to VERLBOT_HTTP_HOST and VERLBOT_HTTP_PORT."
    )
