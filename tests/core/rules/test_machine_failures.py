"""Failures of GPUs, memory, nodes, Ray and engines, which no traceback need surround."""

import pytest

from bot.core.model.failure import FailureKind
from bot.core.rules.failure_search import FailureWeight, classify_failure

LINES = [
    (FailureKind.SHARED_MEMORY, "RuntimeError: DataLoader worker (pid 81) is killed by signal: Bus error."),
    (
        FailureKind.SHARED_MEMORY,
        "n1:7:7 [1] shm.h:28 NCCL WARN Call to posix_fallocate failed : No space left on device",
    ),
    (FailureKind.SHARED_MEMORY, "OSError: [Errno 28] No space left on device: '/dev/shm/nccl-x3'"),
    (
        FailureKind.NODE_LOST,
        "slurmstepd: error: *** JOB 5 ON n1 CANCELLED AT 2026-04-02T03:00:12 DUE TO NODE FAILURE ***",
    ),
    (FailureKind.RAY_UNREACHABLE, "ConnectionError: ray client: could not connect to the Ray cluster at 10.0.0.2:6379"),
    (FailureKind.NODE_MEMORY, "(raylet) 2 Workers (tasks / actors) killed due to memory pressure (OOM), 0 by others"),
    (FailureKind.NODE_MEMORY, "terminate called after throwing an instance of 'std::bad_alloc'"),
    (FailureKind.KILLED, "[ 991.2] Out of memory: Killed process 77 (ray::WorkerDict) total-vm:1kB"),
    (FailureKind.KILLED, "slurmstepd: error: Detected 1 oom_kill event in StepId=12.0."),
    (FailureKind.KILLED, "  traceback : Signal 9 (SIGKILL) received by PID 81"),
    (FailureKind.KILLED, "subprocess.CalledProcessError: Command 'x' died with <Signals.SIGKILL: 9>."),
    (
        FailureKind.ROLLOUT_MEMORY,
        "ValueError: Free memory on device (3.1/79.2 GiB) on startup is less than desired GPU memory utilization (0.6)",
    ),
    (
        FailureKind.ROLLOUT_MEMORY,
        "AssertionError: Error in memory profiling. Initial free memory 9 GiB, current free memory 12 GiB.",
    ),
    (FailureKind.GPU_MEMORY, "[saver.cpp] cuMemCreate CUDA_ERROR_OUT_OF_MEMORY"),
    (FailureKind.GPU_MEMORY, "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    (
        FailureKind.CACHE_BLOCKS,
        "ValueError: max seq len (32768) is larger than the number of tokens that can be stored in KV cache (9984).",
    ),
    (FailureKind.CACHE_BLOCKS, "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static."),
    (FailureKind.ROLLOUT_MEMORY, "RuntimeError: CUDA Error: out of memory at /build/csrc/cumem_allocator.cpp:62"),
    (FailureKind.NODE_MEMORY, "pod p-head was evicted: The node was low on resource: memory. Threshold: 100Mi"),
    (FailureKind.DISK_FULL, "pod p-head was evicted: The node was low on resource: ephemeral-storage."),
    (FailureKind.MOUNT_LOST, "OSError: [Errno 107] Transport endpoint is not connected: '/ckpts/global_step_20'"),
    (FailureKind.PROCESS_LIMIT, "OSError: [Errno 24] Too many open files"),
    (FailureKind.PROCESS_LIMIT, "RuntimeError: can't start new thread"),
    (FailureKind.MOUNT_LOST, "OSError: [Errno 116] Stale file handle"),
    (FailureKind.GPU_MEMORY, 'RuntimeError: NVML_SUCCESS == r INTERNAL ASSERT FAILED at "x.cpp":838, please report it'),
    (FailureKind.RENDEZVOUS, "RuntimeError: Unable to meet other processes at the rendezvous store. Check the GPUs."),
    (
        FailureKind.RAY_UNREACHABLE,
        "core_worker.cc:228: Failed to register worker 01ff to Raylet. IOError: no such file",
    ),
    (
        FailureKind.RAY_UNREACHABLE,
        "worker_pool.cc:586: Some workers of the process(2) have not registered within the timeout.",
    ),
    (
        FailureKind.RAY_UNREACHABLE,
        "agent_manager.cc:83: The raylet exited immediately because one Ray agent failed, agent_name = dashboard/4.",
    ),
    (FailureKind.PACKAGES_MANAGED, "error: externally-managed-environment"),
    (
        FailureKind.PACKAGES_MANAGED,
        "error: The interpreter at /usr is externally managed, and indicates the following:",
    ),
    (FailureKind.MESSAGE_SIZE, 'details = "Sent message larger than max (612366543 vs. 536870912)"'),
    (
        FailureKind.MESSAGE_SIZE,
        "ray.exceptions.RaySystemError: System error: Received message larger than max (1077826540 vs. 536870912)",
    ),
    (FailureKind.PACKAGES_LOCKED, "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 81 (apt)"),
    (FailureKind.UNSCHEDULABLE, "TimeoutError: Placement group creation timed out after 60 seconds."),
    (FailureKind.DEVICE_ASSERT, "IndexError: index out of range in self"),
    (FailureKind.RENDEZVOUS, "RuntimeError: no id yet, but store->get('3') got error: Socket Timeout"),
    (FailureKind.UNSCHEDULABLE, "TimeoutError: Timed out waiting for placement group to be ready after 1800s"),
    (FailureKind.NCCL_TIMEOUT, "[PG 0 Rank 3] Terminating the process, due to ProcessGroupNCCL watchdog hang."),
    (
        FailureKind.NCCL_NETWORK,
        "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.hpp:268, unhandled system error, NCCL 2.21.5",
    ),
    (FailureKind.NCCL_NETWORK, "ncclRemoteError: A call failed, possibly due to a network error"),
    (FailureKind.NCCL_USAGE, "DistBackendError: NCCL error in: NCCLUtils.hpp:77, invalid usage, NCCL version 2.26.2"),
    (FailureKind.NCCL_USAGE, "Bootstrap : no socket interface found"),
    (FailureKind.DEVICE_ASSERT, "Indexing.cu:1553: block: [0,0,0] Assertion `srcIndex < srcSelectDimSize` failed."),
    (FailureKind.GPU_HARDWARE, "RuntimeError: Unexpected error. Error 802: system not yet initialized"),
    (FailureKind.GPU_HARDWARE, "Failed to initialize NVML: Driver/library version mismatch"),
    (FailureKind.CRASHED, "*** SIGSEGV received at time=1 on cpu 3 ***"),
    (FailureKind.CRASHED, "Fatal Python error: Segmentation fault"),
    (FailureKind.CRASHED, "double free or corruption (!prev)"),
    (FailureKind.NCCL_TIMEOUT, "[Rank 2] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9)"),
    (FailureKind.NCCL_USAGE, "ncclInvalidUsage: Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1b000"),
    (
        FailureKind.NCCL_NETWORK,
        "RuntimeError: [../gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.0.3]:7",
    ),
    (FailureKind.GPU_HARDWARE, "RuntimeError: CUDA error: uncorrectable ECC error encountered"),
    (FailureKind.GPU_HARDWARE, "NVRM: Xid (PCI:0000:4e:00): 79, GPU has fallen off the bus."),
    (FailureKind.GPU_UNSUPPORTED, "RuntimeError: CUDA error: no kernel image is available for execution on the device"),
    (FailureKind.NO_GPU, "RuntimeError: No CUDA GPUs are available"),
    (FailureKind.DEVICE_ASSERT, "RuntimeError: CUDA error: device-side assert triggered"),
    (FailureKind.CUDA_ERROR, "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    (FailureKind.NODE_LOST, "ray.exceptions.ActorDiedError: The actor died because its node has died."),
    (FailureKind.NODE_LOST, "verl watch: node lost: 1 of 2 nodes are left; 10.0.0.2 has left Ray. The training ends."),
    (FailureKind.NODE_LOST, "ray.exceptions.LocalRayletDiedError: The task's local raylet died."),
    (FailureKind.OBJECT_STORE_FULL, "ray.exceptions.ObjectStoreFullError: Failed to put object ff"),
    (FailureKind.DISK_FULL, "RuntimeError: [enforce fail at inline_container.cc:603] . unexpected pos 640 vs 534"),
    (FailureKind.DISK_FULL, "OSError: [Errno 122] Disk quota exceeded"),
    (FailureKind.PORT_IN_USE, "OSError: [Errno 98] Address already in use"),
    (FailureKind.RENDEZVOUS, "torch.distributed.DistStoreError: Timed out after 601 seconds, 3/4 clients joined."),
    (FailureKind.RAY_UNREACHABLE, "gcs_client.cc:178: Timed out while waiting for GCS to become available."),
    (FailureKind.BUILD_FAILED, "  ERROR: Failed building wheel for apex"),
    (FailureKind.OVERRIDE, "Error parsing override 'trainer.epochs==3'"),
    (FailureKind.ROLLOUT_HANG, "TimeoutError: RPC call to sample_tokens timed out."),
    (FailureKind.NCCL_TIMEOUT, "RuntimeError: Timed out waiting 1800000ms for recv operation to complete"),
    (
        FailureKind.NCCL_ERROR,
        "DistBackendError: [1] is setting up NCCL communicator, but got: Connection reset by peer",
    ),
    (FailureKind.OVERRIDE, "mismatched input '=' expecting <EOF>"),
    (
        FailureKind.TERMINATED,
        "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
    ),
    (FailureKind.TERMINATED, "[2026-01-01] logging.cc:497: *** SIGTERM received at time=1 on cpu 0 ***"),
    (FailureKind.ROLLOUT_FAILED, "RuntimeError: Engine core initialization failed. See root cause above."),
    (FailureKind.UNSCHEDULABLE, "(autoscaler +9s) Error: No available node types can fulfill resource request {}"),
    (FailureKind.WORKER_DIED, "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"),
    (FailureKind.CRASHED, "terminate called after throwing an instance of 'acme::Error'"),
    (FailureKind.NODE_LOST, "srun: error: Task launch for StepId=7.0 failed on node n1: Communication failure"),
    (FailureKind.UNSCHEDULABLE, "srun: error: Unable to create step for job 7: Requested node configuration is no"),
    (FailureKind.PATH_TOO_LONG, "OSError: [Errno 36] File name too long: '/c/acme'"),
    (FailureKind.FORKED_CUDA, "RuntimeError: Cannot re-initialize CUDA in forked subprocess. Use 'spawn'"),
    (FailureKind.GPU_HARDWARE, "nvidia-container-cli: initialization error: nvml error: driver not loaded"),
    (FailureKind.UNSCHEDULABLE, "0/9 nodes are available: 9 Insufficient acme/gpu."),
    (FailureKind.NO_GPU, "RuntimeError: Failed to infer device type"),
    (FailureKind.FILE_LOCKED, "OSError: [Errno 37] No locks available"),
    (FailureKind.NCCL_ERROR, "RuntimeError: mismatch between collectives on ranks 0 and 3"),
    (FailureKind.CONTAINER, "exec /usr/bin/acme: exec format error"),
    (FailureKind.RUNTIME_ENV, "ray.exceptions.RuntimeEnvSetupError: Failed to set up runtime environment."),
    (FailureKind.CONTAINER, "slurmstepd: error: pyxis: couldn't start container"),
    (FailureKind.CONTAINER, "docker: Error response from daemon: manifest for acme/verl:9 not found"),
    (FailureKind.NETWORK, "docker: Error response from daemon: toomanyrequests: pull rate limit"),
    (FailureKind.KERNEL_COMPILE, "ptxas fatal   : Value 'sm_999' is not defined for option 'gpu-name'"),
    (FailureKind.NCCL_ERROR, "RuntimeError: acme HCCL function error: init, error code is 4"),
]


@pytest.mark.parametrize(("kind", "line"), LINES, ids=[f"{kind}-{line[:30]}" for kind, line in LINES])
def test_a_line_tells_how_a_machine_failed(kind: FailureKind, line: str) -> None:
    verdict = classify_failure(line, is_exception=False)
    assert verdict is not None
    assert verdict[0] is kind


def test_rays_guesses_about_a_dead_worker_are_no_causes() -> None:
    line = (
        "(raylet) A worker died or was killed while executing a task by an unexpected system error. There are some "
        "potential root causes. (1) The process is killed by SIGKILL by OOM killer due to high memory usage. "
        "(3) The worker is crashed unexpectedly due to SIGSEGV or other unexpected errors."
    )
    assert classify_failure(line) == (FailureKind.WORKER_DIED, FailureWeight.CONSEQUENCE)
