"""SkyPilot's refusals as people read them: why, where, and what to do, by the cause or by the kind of exception."""

import re
from collections.abc import Mapping, Sequence

from bot.adapters.sky.refusal_causes import RefusalCause, classify_refusal
from bot.adapters.sky.refusal_text import (
    HINT_CHARACTERS,
    REASON_CHARACTERS,
    InfraRefusal,
    end_sentence,
    parse_refusals,
    shorten,
    split_exception_name,
)
from bot.phrase import N_, Phrase, Text, join_list, join_sentences, plural_phrase

SHOWN_REASONS, SHOWN_PLACES = 3, 4
"""Maximum number of reasons that are shown, and of places for each."""

CHECK_CREDENTIALS = N_("Ask SkyPilot's server admin to run `sky check` there.")

CAUSE_ADVICE: Mapping[RefusalCause, str] = {
    RefusalCause.WHEEL: N_(
        "SkyPilot's client and server have different versions: install the same one on both and restart the server."
    ),
    RefusalCause.LEAK: N_(
        "Machines may still be billed: see with `sky status` whether the job's cluster is there, and remove it."
    ),
    RefusalCause.CONTROLLER_DIED: N_(
        "SkyPilot's controller restarted or ran out of memory; the training did not fail. "
        "Continue from the newest checkpoint with `/verl resume`. If it happens again, give the controller more memory."
    ),
    RefusalCause.DRIVER_FAILED: N_(
        "SkyPilot's driver of the job died: its machine was lost or out of memory. "
        "Continue from the newest checkpoint with `/verl resume`, with more memory if the log shows a full one."
    ),
    RefusalCause.DISK_QUOTA: N_(
        "The quota of disk space is used up, not that of GPUs: ask {cloud} for more disk quota, set a smaller "
        "`disk_size` in the recipe, or choose another infra."
    ),
    RefusalCause.NAMESPACE_QUOTA: N_(
        "Your team's share of the cluster is used up: wait until other jobs end, ask for fewer GPUs, or ask the "
        "cluster's admin for a larger share."
    ),
    RefusalCause.UNPAID: N_("Ask the admin of the {cloud} account to settle its bill; another infra works meanwhile."),
    RefusalCause.NO_QUOTA: N_(
        "Ask {cloud} for quota for these machines, or choose another infra. Fewer nodes or a retry do not help."
    ),
    RefusalCause.QUOTA_USED: N_(
        "Ask {cloud} for more quota, ask for fewer GPUs, or choose another infra. A retry helps only once other "
        "machines of the account are gone."
    ),
    RefusalCause.REGISTRY_UNREACHABLE: N_(
        "The machines could not reach the registry of the image: try again, or give an image of a registry that they "
        "reach with `image=`."
    ),
    RefusalCause.IMAGE: N_(
        "Check `image=`: its tag must exist, and the machines need credentials for its registry. A retry does not help."
    ),
    RefusalCause.VOLUME_MISSING: N_(
        "Create the volume with `sky volumes apply`, or give the name of an existing one with `volume=`."
    ),
    RefusalCause.VOLUME_MOUNT: N_(
        "The machines cannot mount the volume: check that it exists there, that no other pod holds it, and that its "
        "access mode suits as many nodes."
    ),
    RefusalCause.BUCKET_FOREIGN: N_("Give the bucket's URL, such as `bucket=s3://NAME`, or another name."),
    RefusalCause.BUCKET_MISSING: N_("Create the bucket, or fix `bucket=`."),
    RefusalCause.BUCKET_DENIED: N_(
        "Give SkyPilot's server credentials for this bucket, or choose a bucket that it may use with `bucket=`."
    ),
    RefusalCause.CREDENTIALS: N_(
        "SkyPilot's server has no valid credentials or no rights there: ask its admin to run `sky check`. "
        "A retry does not help."
    ),
    RefusalCause.UNSCHEDULABLE: N_(
        "The cluster has no free node with all of this: ask for GPUs and nodes that it has, wait until other jobs "
        "end, or choose another infra."
    ),
    RefusalCause.SLURM_REFUSED: N_(
        "Slurm does not accept this request: ask for a partition, a time and machines that its admin allows."
    ),
    RefusalCause.NODE_MEMORY: N_("The machine ran out of memory: ask for more with `memory` in the recipe."),
    RefusalCause.NODE_DISK: N_("The machine's disk was full: set a larger `disk_size` in the recipe."),
    RefusalCause.NOT_OFFERED: N_(
        "No enabled infra offers these machines: ask for other GPUs or another number of them, or choose another infra."
    ),
    RefusalCause.NO_CAPACITY: N_(
        "The provider has no such machine free now: choose another infra or other GPUs, ask for fewer nodes, "
        "or try again later."
    ),
    RefusalCause.PROBE_FAILED: N_(
        "A single failed probe of a healthy cluster often clears by itself. If it lasts, "
        "continue from the newest checkpoint with `/verl resume`."
    ),
    RefusalCause.NODES_GONE: N_(
        "The provider took machines back, or they failed. Continue from the newest checkpoint with `/verl resume`; "
        "on spot machines launch with `managed=true`, and SkyPilot does it by itself."
    ),
    RefusalCause.NO_CONNECTION: N_("SkyPilot could not reach the machines in time: try again."),
}
"""Advice for each cause."""

FIX_BUCKET = N_("Fix `bucket=` or the recipe's file_mounts.")

KIND_ADVICE: Mapping[str, str] = {
    "ResourcesUnavailableError": N_("Ask for other GPUs, another infra or fewer nodes, or try again later."),
    "ResourcesMismatchError": N_(
        "A cluster with this name has different machines. Launch again: the new run gets a new name."
    ),
    "InvalidSkyPilotConfigError": N_("Fix the recipe: `verlbot recipes check` shows what is wrong."),
    "InvalidClusterNameError": N_("Change the recipe's name."),
    "StorageSpecError": FIX_BUCKET,
    "StorageSourceError": FIX_BUCKET,
    "StorageNameError": FIX_BUCKET,
    "StorageModeError": FIX_BUCKET,
    "StorageBucketCreateError": N_("Choose another name with `bucket=`, or ask for the right to create buckets."),
    "StorageBucketGetError": CAUSE_ADVICE[RefusalCause.BUCKET_DENIED],
    "StorageExternalDeletionError": CAUSE_ADVICE[RefusalCause.BUCKET_MISSING],
    "VolumeNotFoundError": CAUSE_ADVICE[RefusalCause.VOLUME_MISSING],
    "VolumeNotReadyError": N_("The volume is not ready: try again in some minutes, or give another with `volume=`."),
    "VolumeTopologyConflictError": N_("The volume is in another place: choose its infra, or another `volume=`."),
    "NotSupportedError": N_("Leave out the settings that this infra does not support, or choose another infra."),
    "NoCloudAccessError": CHECK_CREDENTIALS,
    "CloudUserIdentityError": CHECK_CREDENTIALS,
    "InvalidCloudCredentials": CHECK_CREDENTIALS,
    "InvalidCloudConfigs": CHECK_CREDENTIALS,
    "ClusterOwnerIdentityMismatchError": N_("The cluster belongs to another identity: see SkyPilot's workspaces."),
    "PermissionDeniedError": N_("The bot's SkyPilot user may not do this: give its service account the right role."),
    "NoWorkspaceAccessError": N_("The bot's SkyPilot user is not in the workspace: add its service account."),
    "WorkspaceAmbiguousError": N_("Set the workspace of the bot's SkyPilot user."),
    "UserRequestRejectedByPolicy": N_("SkyPilot's admin policy refuses this; ask SkyPilot's admin."),
    "RestfulPolicyError": N_("SkyPilot's policy server does not answer; try again later."),
    "RequestCancelled": N_("A person cancelled it in SkyPilot."),
    "RequestInterruptedError": N_("SkyPilot's API server restarted during the request."),
    "ManagedJobReachedMaxRetriesError": N_("SkyPilot tried as often as it may and found no machines; try again later."),
    "ApiServerAuthenticationError": N_("Set SKYPILOT_SERVICE_ACCOUNT_TOKEN to a token that is valid on the server."),
    "APIVersionMismatchError": N_("Install matching SkyPilot versions here and on the server."),
    "APINotSupportedError": N_("Upgrade SkyPilot on the server."),
    "KubeAPIUnreachableError": N_("The Kubernetes cluster does not answer; try again later."),
    "ConcurrentWorkerExhaustedError": N_("SkyPilot's API server is busy; try again later."),
}
"""Advice for each kind of exception (sky/exceptions.py of 0.14)."""

READ_KINDS = frozenset(
    {
        "",
        "RuntimeError",
        "StorageSpecError",
        "StorageBucketGetError",
        "ResourcesUnavailableError",
        "VolumeNotReadyError",
    }
)
"""Kinds whose reason says more than the kind."""

VERSIONS_OF_WHEEL = re.compile(r"skypilot-([\w.]{1,40})-\*\.whl.{1,200}?skypilot-([\w.]{1,40})-py3")
"""The version of the code and that of its wheel, in SkyPilot's message about a missing wheel."""


def describe_error(kind: str, message: str) -> Text:
    r"""Return what failed, in SkyPilot's words, and what to do.

    Args:
        kind: name of SkyPilot's exception; empty for the reason of a job's or cluster's state.

    >>> str(describe_error("ResourcesUnavailableError", "\x1b[33mNo such GPU.\nHint: sky gpus list\x1b[0m"))
    'No such GPU. Ask for other GPUs, another infra or fewer nodes, or try again later.'
    """
    named, text = split_exception_name(message)
    refusals = parse_refusals(text)
    reasons = [describe_refusal(refusal, kind or named) for refusal in refusals[:SHOWN_REASONS]]
    more = len(refusals) - len(reasons)
    rest = plural_phrase("{count} more reason.", "{count} more reasons.", more) if more else ""
    return join_sentences(*reasons, rest, *dict.fromkeys(list_advice(kind or named, refusals)))


def describe_refusal(refusal: InfraRefusal, kind: str) -> Text:
    """Return one reason of SkyPilot's with the places that it holds for, and its hint."""
    reason: Text = end_sentence(shorten(refusal.reason or kind, REASON_CHARACTERS))
    if versions := VERSIONS_OF_WHEEL.search(refusal.reason):
        sentence = N_("SkyPilot needs version {wanted} of its wheel, but finds {found}.")
        reason = Phrase(sentence, wanted=versions[1], found=versions[2])
    hint = end_sentence(shorten(refusal.hint, HINT_CHARACTERS)) if refusal.hint else ""
    if not refusal.places:
        return join_sentences(reason, hint)
    places: Sequence[Text] = refusal.places[:SHOWN_PLACES]
    if more := len(refusal.places) - len(places):
        places = [*places, plural_phrase("{count} more", "{count} more", more)]
    return join_sentences(Phrase("{places}: {reason}", places=join_list(places), reason=reason), hint)


def list_advice(kind: str, refusals: Sequence[InfraRefusal]) -> list[Text]:
    """Return the advice for each of the refusals that are shown, or else for the kind of the exception."""
    if kind in KIND_ADVICE and kind not in READ_KINDS:
        return [Phrase(KIND_ADVICE[kind])]
    causes = [(classify_refusal(refusal.reason), refusal) for refusal in refusals[:SHOWN_REASONS]]
    advice = [Phrase(CAUSE_ADVICE[cause], cloud=name_cloud(refusal)) for cause, refusal in causes if cause is not None]
    return [*advice] or [Phrase(KIND_ADVICE.get(kind, ""))]


def name_cloud(refusal: InfraRefusal) -> Text:
    """Return the cloud of a refusal, such as `AWS`."""
    return refusal.places[0].partition(" (")[0] if refusal.places else Phrase("the cloud")
