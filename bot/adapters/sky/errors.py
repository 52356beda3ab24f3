"""Descriptions of SkyPilot's exceptions, with what to do. Looked up by name, so that SkyPilot need not be imported."""

import re

from bot.core.masking import SHAPE_MASKER
from bot.language import N_, join_sentences, translate

ANSI = re.compile(r"\x1b\[[0-9;]*m")
SHOWN_CHARACTERS = 400
"""Maximum characters of SkyPilot's own words that are shown."""

READ_CHARACTERS = 65_536
"""Maximum characters of SkyPilot's words that are read."""

COMMAND_LINE_PREFIXES = ("Hint:", "To fix:", "View logs", "You can check", "sky ")
"""Beginnings of lines that address a user of SkyPilot's command line."""

ADVICE = {
    "ResourcesUnavailableError": N_("Ask for other GPUs, another infra or fewer nodes, or try again later."),
    "ResourcesMismatchError": N_("A cluster of this name stands with other machines; launch again, under a new name."),
    "InvalidSkyPilotConfigError": N_("Mend the recipe: `verlbot recipes check` looks at it."),
    "InvalidClusterNameError": N_("Mend the recipe's name."),
    "StorageSpecError": N_("Mend `bucket=` or the recipe's file_mounts."),
    "NotSupportedError": N_("Leave out what this infra cannot do, or choose another."),
    "NoCloudAccessError": N_("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "CloudUserIdentityError": N_("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "InvalidCloudCredentials": N_("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "InvalidCloudConfigs": N_("Whoever keeps SkyPilot's API server runs `sky check` there."),
    "ClusterOwnerIdentityMismatchError": N_("The cluster belongs to another identity: see SkyPilot's workspaces."),
    "PermissionDeniedError": N_("The bot's SkyPilot user lacks the right: give its service account the role."),
    "NoWorkspaceAccessError": N_("The bot's SkyPilot user lacks the workspace: add its service account to it."),
    "WorkspaceAmbiguousError": N_("Set the workspace of the bot's SkyPilot user."),
    "UserRequestRejectedByPolicy": N_("Your SkyPilot's admin policy says so; ask whoever keeps it."),
    "RestfulPolicyError": N_("Your SkyPilot's policy server does not answer; try again later."),
    "RequestCancelled": N_("Somebody cancelled it in SkyPilot."),
    "RequestInterruptedError": N_("SkyPilot's API server was restarted meanwhile."),
    "ApiServerAuthenticationError": N_("Set SKYPILOT_SERVICE_ACCOUNT_TOKEN to a token that is valid there."),
    "APIVersionMismatchError": N_("Bring SkyPilot here and on the server to versions that fit."),
    "APINotSupportedError": N_("Bring SkyPilot on the server up to date."),
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


def describe_error(kind: str, message: str) -> str:
    r"""Return what failed and what to do, in one line.

    >>> describe_error("ResourcesUnavailableError", "\x1b[33mNo such GPU.\nHint: sky gpus list\x1b[0m")
    'No such GPU. Ask for other GPUs, another infra or fewer nodes, or try again later.'
    """
    lines = [line.strip() for line in ANSI.sub("", message[:READ_CHARACTERS]).splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith(COMMAND_LINE_PREFIXES)) or kind
    text = SHAPE_MASKER.mask(text[: 4 * SHOWN_CHARACTERS])  # before the cut: half a secret would not be masked
    excerpt = text if len(text) <= SHOWN_CHARACTERS else shorten(text)
    full_stop = "" if excerpt.endswith((".", "!", "…")) else "."
    return join_sentences(f"{excerpt}{full_stop}", translate(ADVICE.get(kind, "")))


def shorten(text: str) -> str:
    """Return the beginning of a text, cut between words where there are any.

    >>> len(shorten("word " * 200)), shorten("word " * 200)[-7:]
    (395, 'd word…')
    """
    beginning = text[: SHOWN_CHARACTERS - 1]
    return (beginning.rpartition(" ")[0].rstrip() or beginning) + "…"
