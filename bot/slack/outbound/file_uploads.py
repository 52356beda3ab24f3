"""Files that people see in Slack: uploaded, tried again where Slack is busy, and why Slack takes none."""

import time
from collections.abc import Callable

from slack_sdk import WebClient

from bot.core.model.run import Run
from bot.errors import Unavailable
from bot.phrase import N_
from bot.slack.outbound.web_client import SlackRateLimited, SlackRejected, SlackUncertain, classify_slack_errors
from bot.slack.views.message import CARD, FileUpload
from bot.slack.views.mrkdwn import Markup, code, escape, render_phrase

MAX_UPLOAD_ATTEMPTS = 3
"""Maximum attempts to upload a file that a person waits for."""

MAX_WAIT_SECONDS, UNCERTAIN_WAIT_SECONDS = 30.0, 1.0
"""Maximum wait that Slack may ask for, and the wait after an answer that tells nothing."""

NO_THREAD = "no_thread"
"""Our own code, beside Slack's: the run has no message yet under which a file could be."""

UPLOAD_FAILURES = {
    NO_THREAD: N_("The run has no thread yet."),
    "file_uploads_disabled": N_("File uploads are switched off in this workspace."),
    "file_upload_disabled": N_("File uploads are switched off in this workspace."),
    "not_in_channel": N_("I am not in the run's channel: type `/invite @verlbot` there."),
    "channel_not_found": N_("I am not in the run's channel: type `/invite @verlbot` there."),
    "missing_scope": N_("I need the permission `files:write`; an admin can install the app again."),
    "is_archived": N_("The run's channel is archived."),
    "storage_limit_reached": N_("The workspace has no room for files."),
}
"""Why Slack takes no file, by its error code."""


def render_upload_failure(error: SlackRejected | SlackRateLimited | SlackUncertain | Unavailable) -> Markup:
    """Return why a file could not be posted."""
    match error:
        case SlackRejected(code=reason) if reason in UPLOAD_FAILURES:
            return render_phrase(UPLOAD_FAILURES[reason])
        case SlackRejected(code=reason):
            return render_phrase("Slack did not accept the file ({reason}).", reason=code(reason))
        case Unavailable():
            return escape(error.message)
        case _:
            return render_phrase("Slack is busy and did not accept the file.")


def upload_file(
    client: WebClient, upload: FileUpload, channel: str | None = None, thread_ts: str | None = None
) -> tuple[str, str]:
    """Upload a file. Return Slack's id of it and its address. Without a channel only the bot sees it, until a message
    shows it.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it may not have arrived.
    """
    with classify_slack_errors():
        response = client.files_upload_v2(
            content=upload.content, filename=upload.name, title=upload.title, channel=channel, thread_ts=thread_ts
        )
    file = response.get("file") or {}
    return str(file.get("id") or ""), str(file.get("permalink") or "")


def upload_patiently(upload: Callable[[], tuple[str, str]], pause: Callable[[float], None] = time.sleep) -> str:
    """Upload a file that a person waits for; try again after 429 and 503. Return its address, which may be empty.

    After a 503 the file may come twice, which is better than no answer.

    Raises:
        SlackRejected, SlackRateLimited, SlackUncertain: it did not arrive, as far as is known.
    """
    for tries_left in reversed(range(MAX_UPLOAD_ATTEMPTS)):
        try:
            return upload()[1]
        except SlackRateLimited as limited:
            if not tries_left:
                raise
            pause(min(limited.retry_after.total_seconds(), MAX_WAIT_SECONDS))
        except SlackUncertain:
            if not tries_left:
                raise
            pause(UNCERTAIN_WAIT_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def upload_to_thread(client: WebClient, run: Run, upload: FileUpload) -> str:
    """Upload a file to the run's thread. Return its address, which may be empty.

    Raises:
        SlackRejected: the run has no thread, or Slack takes no file; the bot must be a member of the channel.
        SlackRateLimited, SlackUncertain: Slack stays busy.
    """
    card = run.messages.sent.get(CARD)
    if card is None or card.ts is None:
        raise SlackRejected(NO_THREAD)
    thread = card.ts
    return upload_patiently(lambda: upload_file(client, upload, channel=run.message_channel, thread_ts=thread))
