"""SkyPilot's SDK in a worker: imported once, without retries, its errors in the bot's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bot.adapters.sky.refusal_advice import describe_error
from bot.errors import Unavailable, UserError
from bot.phrase import N_, Phrase

REFUSAL_KINDS = frozenset(
    {
        "ResourcesUnavailableError",
        "ResourcesMismatchError",
        "InvalidSkyPilotConfigError",
        "InvalidClusterNameError",
        "StorageSpecError",
        "StorageSourceError",
        "StorageNameError",
        "StorageModeError",
        "VolumeNotFoundError",
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
