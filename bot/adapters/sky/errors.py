"""Descriptions of SkyPilot's exceptions, with what to do. Looked up by name, so that SkyPilot need not be imported."""

import re

from bot.core.masking import SHAPES
from bot.language import mark, say, together

ANSI = re.compile(r"\x1b\[[0-9;]*m")
LONGEST = 400
"""Maximum characters of SkyPilot's own words that are shown."""

LONGEST_READ = 65_536
"""Maximum characters of SkyPilot's words that are read."""

ASIDES = ("Hint:", "To fix:", "View logs", "You can check", "sky ")
"""Beginnings of lines that address a user of SkyPilot's command line."""

ADVICE = {
    "ResourcesUnavailableError": mark("Ask for other GPUs, another infra or fewer nodes, or try again later."),
    "ResourcesMismatchError": mark(
        "A cluster of this name stands with other machines; launch again, under a new name."
    ),
    "InvalidSkyPilotConfigError": mark("Mend the recipe: `verlbot recipes check` looks at it."),
    "InvalidClusterNameError": mark("Mend the recipe's name."),
    "StorageSpecError": mark("Mend `bucket=` or the recipe's file_mounts."),
    "NotSupportedError": mark("Leave out what this infra cannot do, or choose another."),
    "NoCloudAccessError": mark("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "CloudUserIdentityError": mark("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "InvalidCloudCredentials": mark("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "InvalidCloudConfigs": mark("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "ClusterOwnerIdentityMismatchError": mark("The cluster belongs to another identity: see SkyPilot's workspaces."),
    "PermissionDeniedError": mark("The bot's SkyPilot user lacks the right: give its service account the role."),
    "NoWorkspaceAccessError": mark("The bot's SkyPilot user lacks the workspace: add its service account to it."),
    "WorkspaceAmbiguousError": mark("Set the workspace of the bot's SkyPilot user."),
    "UserRequestRejectedByPolicy": mark("Your SkyPilot's admin policy says so; ask whoever keeps it."),
    "RestfulPolicyError": mark("Your SkyPilot's policy server does not answer; try again later."),
    "RequestCancelled": mark("Somebody cancelled it in SkyPilot."),
    "RequestInterruptedError": mark("SkyPilot's API server was restarted meanwhile."),
    "ApiServerAuthenticationError": mark("Set SKYPILOT_SERVICE_ACCOUNT_TOKEN to a token that is valid there."),
    "APIVersionMismatchError": mark("Bring SkyPilot here and on the server to versions that fit."),
    "APINotSupportedError": mark("Bring SkyPilot on the server up to date."),
    "KubeAPIUnreachableError": mark("The Kubernetes cluster does not answer; try again later."),
}
"""Advice for each kind of exception (sky/exceptions.py of 0.14)."""

REFUSALS = frozenset(
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


def in_words(kind: str, message: str) -> str:
    r"""Return what failed and what to do, in one line.

    >>> in_words("ResourcesUnavailableError", "\x1b[33mNo such GPU.\nHint: sky gpus list\x1b[0m")
    'No such GPU. Ask for other GPUs, another infra or fewer nodes, or try again later.'
    """
    lines = [line.strip() for line in ANSI.sub("", message[:LONGEST_READ]).splitlines()]
    said = " ".join(line for line in lines if line and not line.startswith(ASIDES)) or kind
    said = SHAPES.mask(said[: 4 * LONGEST])  # before the cut: half a secret would not be masked
    shown = said if len(said) <= LONGEST else cut_short(said)
    stop = "" if shown.endswith((".", "!", "…")) else "."
    return together(f"{shown}{stop}", say(ADVICE.get(kind, "")))


def cut_short(said: str) -> str:
    """Return the beginning of a text, cut between words where there are any.

    >>> len(cut_short("word " * 200)), cut_short("word " * 200)[-7:]
    (395, 'd word…')
    """
    begun = said[: LONGEST - 1]
    return (begun.rpartition(" ")[0].rstrip() or begun) + "…"
