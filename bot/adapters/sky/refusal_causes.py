"""Causes of SkyPilot's refusals, told by the words of their reasons: those of SkyPilot and of the clouds below it."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum


class RefusalCause(StrEnum):
    """Why SkyPilot gives no machines, or no longer takes a job or a cluster for healthy."""

    WHEEL = "wheel"
    LEAK = "leak"
    CONTROLLER_DIED = "controller_died"
    DRIVER_FAILED = "driver_failed"
    DISK_QUOTA = "disk_quota"
    NAMESPACE_QUOTA = "namespace_quota"
    UNPAID = "unpaid"
    NO_QUOTA = "no_quota"
    QUOTA_USED = "quota_used"
    REGISTRY_UNREACHABLE = "registry_unreachable"
    IMAGE = "image"
    VOLUME_MISSING = "volume_missing"
    VOLUME_MOUNT = "volume_mount"
    BUCKET_FOREIGN = "bucket_foreign"
    BUCKET_MISSING = "bucket_missing"
    BUCKET_DENIED = "bucket_denied"
    CREDENTIALS = "credentials"
    UNSCHEDULABLE = "unschedulable"
    SLURM_REFUSED = "slurm_refused"
    NODE_MEMORY = "node_memory"
    NODE_DISK = "node_disk"
    NOT_OFFERED = "not_offered"
    NO_CAPACITY = "no_capacity"
    PROBE_FAILED = "probe_failed"
    NODES_GONE = "nodes_gone"
    NO_CONNECTION = "no_connection"


PATTERNS: Mapping[RefusalCause, Sequence[str]] = {
    RefusalCause.WHEEL: [r"pip wheel for SkyPilot", r"installed SkyPilot version is different"],
    RefusalCause.LEAK: [r"resources may have leaked", r"cleanup failed"],
    RefusalCause.CONTROLLER_DIED: [
        r"controller process (?:has|is|was)",
        r"FAILED_CONTROLLER",
        r"jobs? controller .{0,40}(?:died|dead|crashed|exited)",
    ],
    RefusalCause.DRIVER_FAILED: [r"FAILED_DRIVER", r"job driver .{0,40}failed"],
    RefusalCause.DISK_QUOTA: [
        r"(?:SSD|DISKS?|HDB|HYPERDISK)\w{0,40}_(?:GB|TB)\b",
        r"VolumeLimitExceeded",
        r"disk quota",
        r"storage quota",
    ],
    RefusalCause.NAMESPACE_QUOTA: [
        r"exceeded quota:",
        r"is exceeding .{0,40}quota in namespace",
        r"QOS(?:Max|Grp)",
        r"Assoc(?:Max|Grp)",
        r"MaxJobs",
        r"MaxSubmit",
    ],
    RefusalCause.UNPAID: [
        r"balance (?:is )?too low",
        r"insufficient (?:funds|balance|credits?)",
        r"billing (?:account|is)",
        r"payment (?:required|method)",
    ],
    RefusalCause.NO_QUOTA: [
        r"no quota for",
        r"quota\b.{0,80}limit:? (?:of )?0(?:\.0{1,9})?\b",
        r"limit of 0\b",
        r"current limit: ?0\b",
    ],
    RefusalCause.QUOTA_USED: [
        r"quota",
        r"\w{0,40}LimitExceeded",
        r"MaxSpotInstanceCount",
        r"exceeds? .{0,40}\blimit\b",
    ],
    RefusalCause.REGISTRY_UNREACHABLE: [
        r"pull.{0,400}(?:i/o timeout|no such host|connection refused|handshake timeout|deadline exceeded|unreachable)",
    ],
    RefusalCause.IMAGE: [
        r"ImagePullBackOff",
        r"ErrImagePull",
        r"InvalidImageName",
        r"manifest (?:\S{0,120} )?(?:unknown|not found)",
        r"pull access denied",
        r"toomanyrequests",
        r"failed to pull",
        r"pyxis:",
        r"docker (?:login|pull)",
        r"image .{0,120}(?:not found|does not exist)",
    ],
    RefusalCause.VOLUME_MISSING: [r"\bvolume \S{1,120} (?:is )?not found", r"volume \S{1,120} does not exist"],
    RefusalCause.VOLUME_MOUNT: [
        r"FailedMount",
        r"FailedAttachVolume",
        r"PersistentVolumeClaim",
        r"ProvisioningFailed",
        r"failed to provision volume",
        r"Multi-Attach",
        r"volume node affinity",
    ],
    RefusalCause.BUCKET_FOREIGN: [r"non-sky managed bucket"],
    RefusalCause.BUCKET_MISSING: [
        r"non-existent (?:bucket|container|storage)",
        r"NoSuchBucket",
        r"bucket .{0,120}does not exist",
    ],
    RefusalCause.BUCKET_DENIED: [r"private bucket", r"failed to access .{0,40}bucket"],
    RefusalCause.CREDENTIALS: [
        r"AuthFailure",
        r"Unauthorized",
        r"not authorized",
        r"Access ?Denied",
        r"PERMISSION_DENIED",
        r"permission .{0,80}denied",
        r"Required '[\w.]{1,80}' permission",
        r"API has not been (?:used|enabled)",
        r"accessNotConfigured",
        r"InvalidClientTokenId",
        r"SignatureDoesNotMatch",
        r"Expired ?Token",
        r"RequestExpired",
        r"token .{0,40}expired",
        r"invalid_grant",
        r"credentials?\b",
        r"\bforbidden\b",
        r"invalid api key",
        r"reauthenticat",
    ],
    RefusalCause.UNSCHEDULABLE: [
        r"nodes are available:",
        r"Insufficient (?:resource|nvidia|amd|cpu|gpu|memory|ephemeral)",
        r"match Pod's",
        r"untolerated taint",
        r"FailedScheduling",
        r"Unschedulable",
        r"waiting for nodes to start",
        r"Node Pool may not have enough",
    ],
    RefusalCause.SLURM_REFUSED: [
        r"sbatch",
        r"Requested node configuration",
        r"PartitionTimeLimit",
        r"PartitionNodeLimit",
        r"invalid (?:partition|account|qos)",
        r"Slurm job .{0,40}exited",
        r"terminated with state",
    ],
    RefusalCause.NODE_MEMORY: [r"OOMKilled", r"out of memory"],
    RefusalCause.NODE_DISK: [r"\bEvicted", r"ephemeral.storage", r"DiskPressure"],
    RefusalCause.NOT_OFFERED: [
        r"not contain any instances",
        r"no launchable resource",
        r"no resource satisfying",
        r"not available in",
        r"is not supported in",
    ],
    RefusalCause.NO_CAPACITY: [
        r"capacity",
        r"no longer any instances",
        r"no instances? .{0,40}available",
        r"POOL_EXHAUSTED",
        r"RESOURCE_EXHAUSTED",
        r"not have enough resources",
        r"not enough resources",
        r"NotEnoughResources",
        r"stock ?out",
        r"out of stock",
        r"sold out",
        r"SkuNotAvailable",
        r"AllocationFailed",
        r"OverconstrainedAllocation",
        r"MIN_COUNT_NOT_REACHED",
        r"no offers",
        r"currently unavailable",
        r"out of resources",
    ],
    RefusalCause.PROBE_FAILED: [r"ray cluster is unhealthy", r"no cluster status", r"check ray cluster's health"],
    RefusalCause.NODES_GONE: [
        r"nodes? terminated",
        r"not all nodes",
        r"unexpected state",
        r"preempt",
        r"disrupted",
        r"reclaim",
        r"interrupted",
        r"NodeNotReady",
        r"NotReady",
        r"no longer exists",
        r"cordoned",
        r"node .{0,80}shut",
    ],
    RefusalCause.NO_CONNECTION: [
        r"timed? ?out",
        r"failed to SSH",
        r"connection (?:reset|refused|aborted|error)",
        r"max retries exceeded",
        r"name resolution",
        r"unreachable",
        r"retries",
    ],
}
"""What the reason of each cause contains. The first that is found counts, so the more specific come first."""

COMPILED_PATTERNS = [(cause, re.compile("|".join(patterns), re.IGNORECASE)) for cause, patterns in PATTERNS.items()]


def classify_refusal(reason: str) -> RefusalCause | None:
    """Return the cause that a reason of SkyPilot's names; None where the bot knows none.

    >>> classify_refusal("Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally."), classify_refusal("Hm.")
    (<RefusalCause.NO_QUOTA: 'no_quota'>, None)
    """
    return next((cause for cause, pattern in COMPILED_PATTERNS if pattern.search(reason)), None)
