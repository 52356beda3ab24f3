"""SkyPilot's exceptions in words, with what to do. By their names: nothing of SkyPilot is needed to read them."""

import re

ANSI = re.compile(r"\x1b\[[0-9;]*m")
LONGEST = 400
"""Characters of SkyPilot's own words that are shown."""

ASIDES = ("Hint:", "To fix:", "View logs", "You can check", "sky ")
"""Beginnings of lines that speak to somebody at SkyPilot's command line."""

ADVICE = {
    "ResourcesUnavailableError": "Ask for other GPUs, another infra or fewer nodes, or try again later.",
    "ResourcesMismatchError": "A cluster of this name stands with other machines; launch again, under a new name.",
    "InvalidSkyPilotConfigError": "Mend the recipe: `verlbot recipes check` looks at it.",
    "InvalidClusterNameError": "Mend the recipe's name.",
    "StorageSpecError": "Mend `bucket=` or the recipe's file_mounts.",
    "NotSupportedError": "Leave out what this infra cannot do, or choose another.",
    "NoCloudAccessError": "Whoever keeps SkyPilot's API server runs `sky check` there.",
    "CloudUserIdentityError": "Whoever keeps SkyPilot's API server runs `sky check` there.",
    "InvalidCloudCredentials": "Whoever keeps SkyPilot's API server runs `sky check` there.",
    "InvalidCloudConfigs": "Whoever keeps SkyPilot's API server runs `sky check` there.",
    "ClusterOwnerIdentityMismatchError": "The cluster belongs to another identity: see SkyPilot's workspaces.",
    "PermissionDeniedError": "The bot's SkyPilot user lacks the right: give its service account the role.",
    "NoWorkspaceAccessError": "The bot's SkyPilot user lacks the workspace: add its service account to it.",
    "WorkspaceAmbiguousError": "Set the workspace of the bot's SkyPilot user.",
    "UserRequestRejectedByPolicy": "Your SkyPilot's admin policy says so; ask whoever keeps it.",
    "RestfulPolicyError": "Your SkyPilot's policy server does not answer; try again later.",
    "RequestCancelled": "Somebody cancelled it in SkyPilot.",
    "RequestInterruptedError": "SkyPilot's API server was restarted meanwhile.",
    "ApiServerAuthenticationError": "Set SKYPILOT_SERVICE_ACCOUNT_TOKEN to a token that is valid there.",
    "APIVersionMismatchError": "Bring SkyPilot here and on the server to versions that fit.",
    "APINotSupportedError": "Bring SkyPilot on the server up to date.",
    "KubeAPIUnreachableError": "The Kubernetes cluster does not answer; try again later.",
}
"""For each kind of exception what can be done (sky/exceptions.py of 0.14)."""

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
"""Kinds that asking again would not change. Anything else may have been done, or may be done another time."""


def in_words(kind: str, message: str) -> str:
    """What went wrong and what to do, in one line.

    >>> in_words("ResourcesUnavailableError", "\\x1b[33mNo such GPU.\\nHint: sky gpus list\\x1b[0m")
    'No such GPU. Ask for other GPUs, another infra or fewer nodes, or try again later.'
    """
    lines = [line.strip() for line in ANSI.sub("", message).splitlines()]
    said = " ".join(line for line in lines if line and not line.startswith(ASIDES)) or kind
    shown = said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
    stop = "" if shown.endswith((".", "!", "…")) else "."
    return f"{shown}{stop} {ADVICE.get(kind, '')}".rstrip()
