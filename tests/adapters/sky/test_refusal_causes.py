"""The cause that the words of a refusal name, for each cause and each cloud."""

import pytest

from bot.adapters.sky.refusal_causes import PATTERNS, RefusalCause, classify_refusal

REASONS = [
    ("Failed to build pip wheel for SkyPilot.", RefusalCause.WHEEL),
    ("The installed SkyPilot version is different from the running code.", RefusalCause.WHEEL),
    ("Failed to clean up, resources may have leaked: [ValueError] x.", RefusalCause.LEAK),
    ("Controller process has exited abnormally (No pid).", RefusalCause.CONTROLLER_DIED),
    ("The job driver on the remote cluster failed.", RefusalCause.DRIVER_FAILED),
    ("Unexpected job state JobStatus.FAILED_DRIVER", RefusalCause.DRIVER_FAILED),
    ("Quota 'DISKS_TOTAL_GB' exceeded.  Limit: 2048.0 in region europe-west4.", RefusalCause.DISK_QUOTA),
    ("An error occurred (VolumeLimitExceeded) when calling the RunInstances operation: x", RefusalCause.DISK_QUOTA),
    ('pods "a" is forbidden: exceeded quota: team, requested: nvidia.com/gpu=8', RefusalCause.NAMESPACE_QUOTA),
    ("Job 7 is pending: QOSMaxGRESPerUser", RefusalCause.NAMESPACE_QUOTA),
    ("Your balance is too low to create this pod.", RefusalCause.UNPAID),
    ("Quota 'GPUS_ALL_REGIONS' exceeded. Limit: 0.0 globally.", RefusalCause.NO_QUOTA),
    ("(VcpuLimitExceeded): more vCPU than your current vCPU limit of 0 allows", RefusalCause.NO_QUOTA),
    ("Quota 'NVIDIA_A100_GPUS' exceeded. Limit: 8.0 in region us-central1.", RefusalCause.QUOTA_USED),
    ("(MaxSpotInstanceCountExceeded) when calling the RequestSpotInstances operation", RefusalCause.QUOTA_USED),
    (
        "Operation could not be completed as it results in exceeding approved Total Cores quota.",
        RefusalCause.QUOTA_USED,
    ),
    ("Failed to pull image x: dial tcp: lookup registry.acme.dev: i/o timeout", RefusalCause.REGISTRY_UNREACHABLE),
    ("PVC is pending. ProvisioningFailed: VolumeCapabilities is invalid", RefusalCause.VOLUME_MOUNT),
    ("ErrImagePull: rpc error: manifest unknown", RefusalCause.IMAGE),
    ("Failed to pull image: 401 Unauthorized", RefusalCause.IMAGE),
    ("Docker cache volume 'layers' not found.", RefusalCause.VOLUME_MISSING),
    ("pod has unbound immediate PersistentVolumeClaims", RefusalCause.VOLUME_MOUNT),
    ("Attempted to mount a non-sky managed bucket 'x' without a source.", RefusalCause.BUCKET_FOREIGN),
    ("Attempted to use a non-existent bucket as a source: s3://x", RefusalCause.BUCKET_MISSING),
    ("This is likely because it is a private bucket you do not have access to.", RefusalCause.BUCKET_DENIED),
    ("(AuthFailure): AWS was not able to validate the provided access credentials", RefusalCause.CREDENTIALS),
    ("(ExpiredToken) when calling the DescribeRegions operation", RefusalCause.CREDENTIALS),
    ("0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available", RefusalCause.UNSCHEDULABLE),
    ("Insufficient GPU capacity on the cluster. Required resources were not found.", RefusalCause.UNSCHEDULABLE),
    ("sbatch: error: Batch job submission failed", RefusalCause.SLURM_REFUSED),
    ("Pod a terminated: OOMKilled (exit code 137).", RefusalCause.NODE_MEMORY),
    ("Evicted: The node was low on resource: ephemeral-storage.", RefusalCause.NODE_DISK),
    ("Kubernetes does not contain any instances satisfying the request: 1x H200.", RefusalCause.NOT_OFFERED),
    ("(InsufficientInstanceCapacity): We do not have sufficient p5.48xlarge capacity", RefusalCause.NO_CAPACITY),
    ("ZONE_RESOURCE_POOL_EXHAUSTED: The zone does not have enough resources available", RefusalCause.NO_CAPACITY),
    ("(SkuNotAvailable) The requested VM size is currently not available", RefusalCause.NO_CAPACITY),
    ("Out of host capacity.", RefusalCause.NO_CAPACITY),
    ("ray cluster is unhealthy (0/2 nodes ready)", RefusalCause.PROBE_FAILED),
    ("Preempted by Kueue: WorkloadEvicted", RefusalCause.NODES_GONE),
    ("1 of 4 node(s) in unexpected state: INIT", RefusalCause.NODES_GONE),
    ("Failed to SSH to 10.0.0.7 after timeout 600s", RefusalCause.NO_CONNECTION),
]


@pytest.mark.parametrize(("reason", "cause"), REASONS, ids=[f"{cause}: {reason[:30]}" for reason, cause in REASONS])
def test_a_reason_has_the_cause_that_its_words_name(reason: str, cause: RefusalCause) -> None:
    assert classify_refusal(reason) is cause


def test_each_cause_has_patterns_and_an_example() -> None:
    assert set(PATTERNS) == set(RefusalCause) == {cause for _, cause in REASONS}


@pytest.mark.parametrize("reason", ["Job failed (FAILED) (user program failure).", "Something new.", ""])
def test_a_reason_in_other_words_has_no_cause(reason: str) -> None:
    assert classify_refusal(reason) is None
