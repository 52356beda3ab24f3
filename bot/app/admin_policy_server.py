"""Answer SkyPilot's admin-policy requests over HTTP.

A request is decoded, the launch gate judges it, and the answer is encoded.
"""

import base64
import hmac
import logging
import re
import secrets as randomness
import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from bot.app.launch_gate import AdminPolicy
from bot.app.web_server import Endpoint, PortLimits, WebServer, text_response
from bot.core.model.recipe import Task
from bot.core.rules.admin_policy import AdminRequest, AdminRequestKind
from bot.errors import UserError

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

MAX_DEPTH = 40
"""Maximum depth of a YAML text in levels; a pod's specification in a task has about fifteen."""

MAX_EVENTS = 50_000
"""Maximum events of a YAML text: every value, key, list and mapping is one or two. A task of 1,000 variables has
2,000.
"""

MAX_VALUES = 50_000
"""Maximum number of values once every alias is followed."""

MAX_NUMBER_CHARACTERS = 400
"""Maximum characters of a scalar that YAML reads as a number or a date: YAML multiplies, digit by digit. The largest
float has 309.
"""

MAX_NAME_CHARACTERS = 200
"""Maximum characters of a cluster's name, and of a user's name."""

NUMBER_PATTERN = re.compile(r"[-+]?0[xb][0-9a-fA-F_]+|[-+0-9_:.]+")
UNREADABLE_REQUEST = "This is no request of SkyPilot's for an admin policy."


class UnreadableAdminRequest(Exception):
    """The body is not an admin policy request of SkyPilot. The message quotes nothing of the body."""


class AdminRequestOptions(msgspec.Struct):
    """The part of SkyPilot's `request_options` that the bot reads."""

    cluster_name: str | None = None
    dryrun: bool = False


class AdminRequestBody(msgspec.Struct):
    """The part of SkyPilot's `_UserRequestBody` that the bot reads; other fields are ignored."""

    task: str
    skypilot_config: str
    request_name: str
    request_options: AdminRequestOptions | None = None
    at_client_side: bool = False
    user: str = ""


class MutatedRequestBody(msgspec.Struct):
    """SkyPilot's `_MutatedUserRequestBody`."""

    task: str
    skypilot_config: str


def decode_request(content: bytes) -> tuple[AdminRequest, AdminRequestBody]:
    """Return the admin request and SkyPilot's own body of it.

    Raises:
        UnreadableAdminRequest: the body is not such a request, or is larger, deeper or odder than any task.
    """
    try:
        body = msgspec.json.decode(msgspec.json.decode(content, type=str), type=AdminRequestBody)
        task, user = load_mapping(body.task), load_mapping(body.user) if body.user else {}
        return build_admin_request(body, task, user), body
    # A parser may fail with any error, and its message may quote a secret.
    except Exception:
        raise UnreadableAdminRequest(UNREADABLE_REQUEST) from None


def build_admin_request(body: AdminRequestBody, task: Mapping[str, Any], user: Mapping[str, Any]) -> AdminRequest:
    """Return the admin request that a decoded body, its task and its user describe."""
    options = body.request_options
    return AdminRequest(
        kind=AdminRequestKind.from_name(body.request_name),
        task=task,
        cluster=check_name(options.cluster_name) if options else None,
        is_dry_run=options.dryrun if options else False,
        is_about_cluster=options is not None,
        user=None if body.at_client_side else check_name(user.get("name") or user.get("id") or "nobody"),
    )


def check_name(raw_name: object) -> Any:
    """Return a name unchanged.

    Raises:
        ValueError: no person would be given such a name, so it does not come from SkyPilot.
    """
    if raw_name is not None and not (len(str(raw_name)) <= MAX_NAME_CHARACTERS and str(raw_name).isprintable()):
        raise ValueError
    return None if raw_name is None else str(raw_name)


def load_mapping(text: str) -> Mapping[str, Any]:
    """Return the first document of a YAML text.

    Raises:
        ValueError: the document is deeper, larger or odder than any task.
        TypeError: the document is not a mapping.
    """
    check_shape(text)
    document = next(iter(yaml.load_all(text, LOADER)), None)
    if not isinstance(document, Mapping):
        raise TypeError
    measure_expanded_size(document, {})
    return document


def check_shape(text: str) -> None:
    """Raise ValueError at the first event that no task contains. Nothing is built, and the rest is not read."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return
        if depth > MAX_DEPTH or count > MAX_EVENTS or is_disallowed_event(event):
            raise ValueError


def is_disallowed_event(event: yaml.Event) -> bool:
    """Return whether no task contains such an event.

    That is a merge of mappings, which multiplies, a Python type, or a number too long to be useful.
    """
    if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) not in (None, "!"):
        return True
    if not isinstance(event, yaml.ScalarEvent) or event.style:
        return False
    return event.value in ("<<", "=") or (
        len(event.value) > MAX_NUMBER_CHARACTERS and bool(NUMBER_PATTERN.fullmatch(event.value))
    )


def measure_expanded_size(value: Any, sizes: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Return the number of values once every alias is followed, and their depth.

    Args:
        sizes: both numbers by identity of the value. A value that is still being measured contains itself, and counts
            as too large.

    Raises:
        ValueError: the value is too large or too deep.
    """
    if not isinstance(value, Mapping | list):
        return 1, 0
    if id(value) not in sizes:
        # A value that contains itself meets this entry, and counts as too large.
        sizes[id(value)] = MAX_VALUES, MAX_DEPTH
        inner_sizes = [
            measure_expanded_size(item, sizes) for item in (value.values() if isinstance(value, Mapping) else value)
        ]
        count, depth = 1 + sum(item[0] for item in inner_sizes), 1 + max((item[1] for item in inner_sizes), default=0)
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise ValueError
        sizes[id(value)] = count, depth
    return sizes[id(value)]


def encode_response(body: AdminRequestBody, before: Task, after: Task) -> bytes:
    """Return the response that lets a task pass: the task's own text where the policy changed nothing."""
    task = body.task if after == before else yaml.dump(dict(after), Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    return msgspec.json.encode(msgspec.json.encode(MutatedRequestBody(task, body.skypilot_config)).decode())


log = logging.getLogger(__name__)

PATH = "/admin-policy"
"""The path in SkyPilot's setting `admin_policy`, before the secret."""

REFUSED_STATUS = 400
"""The only HTTP status whose text SkyPilot shows to the person who launches."""

FAILED_ANSWER = "verlbot's admin policy has failed on this launch; its log says where."
AUTHORIZATION_HINT = (
    "verlbot's admin policy asks for its secret: `verlbot admin-policy` prints the line for SkyPilot's config."
)


class AdminPolicyServer(WebServer):
    """The admin policy behind a web server.

    Args:
        secret: what must follow the path, or be the password of a basic authorization; a new one unless given.
    """

    def __init__(
        self,
        admin_policy: AdminPolicy,
        host: str,
        port: int,
        secret: str = "",
        limits: PortLimits = PortLimits(),  # noqa: B008  # it is frozen
    ) -> None:
        self._admin_policy = admin_policy
        self._secret = secret or randomness.token_urlsafe(24)
        self._has_warned = False
        endpoint = Endpoint(self._check_secret, self._receive, has_subpaths=True)
        variables = "VERLBOT_ADMIN_POLICY_HOST and VERLBOT_ADMIN_POLICY_PORT"
        super().__init__("gate", host, port, {PATH: endpoint}, limits, variables)

    @property
    def address(self) -> str:
        """Return the address that SkyPilot calls, with the secret."""
        return f"{super().address}{PATH}/{self._secret}"

    def _check_secret(self, rest: str, headers: Headers) -> Response | None:
        """Refuse a request without the secret before a byte of its body is read.

        Both places of the secret are compared, each in constant time.
        """
        candidates = (rest, parse_password(headers.get("authorization", "")))
        matches = [hmac.compare_digest(candidate.encode(), self._secret.encode()) for candidate in candidates]
        if any(matches):
            return None
        # Only the first is logged, so that requests without the secret cannot fill the log.
        if not self._has_warned:
            self._has_warned = True
            log.warning("a request to the admin policy's port came without its secret; others will not be logged")
        return text_response(AUTHORIZATION_HINT, 403)

    async def _receive(self, _: Headers, body: bytes) -> Response:
        """Answer in a thread, because the answer waits for the store and perhaps for a price from SkyPilot."""
        return await run_in_threadpool(answer_launch, self._admin_policy, body)


def parse_password(authorization: str) -> str:
    """Return the password of a basic authorization, empty where there is none.

    >>> parse_password("Basic dmVybGJvdDpodXNo"), parse_password("Bearer x"), parse_password("Basic ?")
    ('hush', '', '')
    """
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:  # it is not base64, or not UTF-8
        return ""


def answer_launch(admin_policy: AdminPolicy, content: bytes) -> Response:
    """Return the answer to SkyPilot. A logged failure has no part of the task in it: a task holds secrets."""
    try:
        request, body = decode_request(content)
        return Response(encode_response(body, request.task, admin_policy.judge(request)), media_type="application/json")
    except UserError as error:
        return PlainTextResponse(str(error.sentence), status_code=REFUSED_STATUS)
    except UnreadableAdminRequest as error:
        return PlainTextResponse(str(error), status_code=REFUSED_STATUS)
    except Exception as error:
        # Frame by frame: SkyPilot's client turns sys.tracebacklimit down, for a moment and for all threads.
        frames = reversed(list(traceback.walk_tb(error.__traceback__)))
        where = " < ".join(f"{frame.f_code.co_name}:{line}" for frame, line in frames)
        log.error("a launch cannot be judged: %s in %s", type(error).__name__, where)
        return PlainTextResponse(FAILED_ANSWER, status_code=500)
