"""SkyPilot's SDK in a worker: imported once, without retries, its errors in the bot's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bot.core.masking.masker import SHAPE_MASKER
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase, Text, join_sentences

ANSI = re.compile(r"\x1b\[[0-9;]*m")
SHOWN_CHARACTERS = 400
"""Maximum characters of SkyPilot's own words that are shown."""

READ_CHARACTERS = 65_536
"""Maximum characters of SkyPilot's words that are read."""

COMMAND_LINE_PREFIXES = ("Hint:", "To fix:", "View logs", "You can check", "sky ")
"""Beginnings of lines that address a user of SkyPilot's command line."""

ADVICE = {
    "ResourcesUnavailableError": N_("Ask for other GPUs, another infra or fewer nodes, or try again later."),
    "ResourcesMismatchError": N_(
        "A cluster with this name has different machines. Launch again: the new run gets a new name."
    ),
    "InvalidSkyPilotConfigError": N_("Fix the recipe: `verlbot recipes check` shows what is wrong."),
    "InvalidClusterNameError": N_("Change the recipe's name."),
    "StorageSpecError": N_("Fix `bucket=` or the recipe's file_mounts."),
    "NotSupportedError": N_("Leave out the settings that this infra does not support, or choose another infra."),
    "NoCloudAccessError": N_("Ask SkyPilot's server admin to run `sky check` there."),
    "CloudUserIdentityError": N_("Ask SkyPilot's server admin to run `sky check` there."),
    "InvalidCloudCredentials": N_("Ask SkyPilot's server admin to run `sky check` there."),
    "InvalidCloudConfigs": N_("Ask SkyPilot's server admin to run `sky check` there."),
    "ClusterOwnerIdentityMismatchError": N_("The cluster belongs to another identity: see SkyPilot's workspaces."),
    "PermissionDeniedError": N_("The bot's SkyPilot user may not do this: give its service account the right role."),
    "NoWorkspaceAccessError": N_("The bot's SkyPilot user is not in the workspace: add its service account."),
    "WorkspaceAmbiguousError": N_("Set the workspace of the bot's SkyPilot user."),
    "UserRequestRejectedByPolicy": N_("SkyPilot's admin policy refuses this; ask SkyPilot's admin."),
    "RestfulPolicyError": N_("SkyPilot's policy server does not answer; try again later."),
    "RequestCancelled": N_("A person cancelled it in SkyPilot."),
    "RequestInterruptedError": N_("SkyPilot's API server restarted during the request."),
    "ApiServerAuthenticationError": N_("Set SKYPILOT_SERVICE_ACCOUNT_TOKEN to a token that is valid on the server."),
    "APIVersionMismatchError": N_("Install matching SkyPilot versions here and on the server."),
    "APINotSupportedError": N_("Upgrade SkyPilot on the server."),
    "KubeAPIUnreachableError": N_("The Kubernetes cluster does not answer; try again later."),
}
"""Advice for each kind of exception (sky/exceptions.py of 0.14)."""

REFUSAL_KINDS = frozenset(
    {
        "ResourcesUnavailableError",
        "ResourcesMismatchError",
        "InvalidSkyPilotConfigError",
        "InvalidClusterNameError",
        "StorageSpecError",
        "NotSupportedError",
        "NoCloudAccessError",
        "PermissionDeniedError",
        "NoWorkspaceAccessError",
        "WorkspaceAmbiguousError",
        "UserRequestRejectedByPolicy",
        "ValueError",
    }
)
"""Kinds that a second request would raise again. Any other kind may have taken effect, or may succeed another time."""


def describe_error(kind: str, message: str) -> Text:
    r"""Return what failed and what to do, in one line.

    >>> str(describe_error("ResourcesUnavailableError", "\x1b[33mNo such GPU.\nHint: sky gpus list\x1b[0m"))
    'No such GPU. Ask for other GPUs, another infra or fewer nodes, or try again later.'
    """
    lines = [line.strip() for line in ANSI.sub("", message[:READ_CHARACTERS]).splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith(COMMAND_LINE_PREFIXES)) or kind
    text = SHAPE_MASKER.mask(text[: 4 * SHOWN_CHARACTERS])  # before the cut: half a secret would not be masked
    excerpt = text if len(text) <= SHOWN_CHARACTERS else shorten(text)
    full_stop = "" if excerpt.endswith((".", "!", "…")) else "."
    return join_sentences(f"{excerpt}{full_stop}", Phrase(ADVICE.get(kind, "")))


def shorten(text: str) -> str:
    """Return the beginning of a text, cut between words where there are any.

    >>> len(shorten("word " * 200)), shorten("word " * 200)[-7:]
    (395, 'd word…')
    """
    beginning = text[: SHOWN_CHARACTERS - 1]
    return (beginning.rpartition(" ")[0].rstrip() or beginning) + "…"


NO_SERVER = N_(
    "SkyPilot's API server does not answer at {url}. Start it, or set SKYPILOT_API_SERVER_ENDPOINT to its address."
)


def sdk_without_retries() -> Any:
    """Return SkyPilot's client, changed to fail at once where its server answers 503. Not public.

    Unchanged, the client would wait and resend for ten minutes: a launch too, long after the bot gave it up. It would
    also call the server that the environment named when the client was imported, in the process before this one.
    """
    from sky.client import sdk  # noqa: PLC0415
    from sky.server import common, rest  # noqa: PLC0415

    rest.request = rest.request_without_retry
    common.get_server_url.cache_clear()
    common.is_api_server_local.cache_clear()
    return sdk


@contextmanager
def translate_errors(*, refusals: bool = False) -> Iterator[None]:
    """Translate every exception of SkyPilot's into Unavailable, or into UserError for a permanent refusal.

    Args:
        refusals: whether the kinds in REFUSAL_KINDS become UserError.
    """
    try:
        yield
    except (Unavailable, UserError):
        raise
    except Exception as error:
        kind, message = type(error).__name__, str(error)
        if is_no_answer(error):
            raise Unavailable(Phrase(NO_SERVER, url=server_url())) from error
        if refusals and kind in REFUSAL_KINDS:
            raise UserError(describe_error(kind, message)) from error
        raise Unavailable(describe_error(kind, message)) from error


def is_no_answer(error: BaseException) -> bool:
    """Return whether an exception says only that no server has answered."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    no_answer_kinds = {"ApiServerConnectionError", "ServerTemporarilyUnavailableError", "ConnectionError", "Timeout"}
    return bool(kinds & no_answer_kinds) or "starting a local API server on this machine is disabled" in str(error)


def server_url() -> str:
    """Return the URL of SkyPilot's API server, without its password."""
    from sky.server import common  # noqa: PLC0415

    return str(common.redact_url_password(common.get_server_url()))


def fetch_server_identity() -> str:
    """Return what distinguishes this server's database from any other: its oldest user and the user's creation time.

    Every database gets system users of its own at its first start, and keeps them permanently (0.14.1). The result is
    empty where the server does not list its users, as to a viewer. Not public; call `sdk_without_retries` first.

    Raises:
        Unavailable: the server fails at present.
    """
    from sky.server import common  # noqa: PLC0415

    response = common.make_authenticated_request("GET", "/users")
    if response.status_code >= 500:
        raise Unavailable(Phrase("SkyPilot's API server answers with an error: {code}.", code=response.status_code))
    if response.status_code != 200:
        return ""
    try:
        users = [
            (int(user["created_at"]), str(user["id"])) for user in response.json() if user["created_at"] is not None
        ]
    except (ValueError, TypeError, KeyError):  # a proxy's page, or a server with another list of users
        return ""
    return "{} {}".format(*min(users)) if users else ""
