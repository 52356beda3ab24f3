"""Texts by which failures of GPUs, memory, disks, nodes, Ray and engines are known, and what follows from failures.

The order counts: the first kind that occurs is a line's, so the more specific come first. All are plain texts, so that
a line takes time in proportion to its length. (Sources: the messages of torch 2, NCCL, Ray 2, vLLM 0.6 to 0.11, SGLang
0.4, pip, uv, Hydra 1.3 and of Linux's kernel log.)
"""

from collections.abc import Sequence

from bot.core.model.failure import FailureKind, FailureTexts

FIRST_TEXTS: Sequence[FailureTexts] = (
    FailureTexts(
        FailureKind.SHARED_MEMORY,
        "killed by signal: bus error | workers are out of shared memory | unable to open shared memory object | "
        "error while creating shared memory segment | unable to write to file </torch_ | *** sigbus received | "
        "signal 7 (sigbus) | posix_fallocate … no space left on device | no space left on device … /dev/shm | "
        "/dev/shm … no space left on device",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.NODE_MEMORY,
        "ray.exceptions.outofmemoryerror | node running low on memory | killed due to memory pressure | "
        "exceeds the memory usage threshold | low on resource: memory | "
        "defaultcpuallocator: can't allocate memory | defaultcpuallocator: not enough memory | std::bad_alloc | "
        "cannot allocate memory | _arraymemoryerror",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.KILLED,
        "out of memory: killed process | memory cgroup out of memory | invoked oom-killer | "
        "oom-kill:constraint | oom_reaper: reaped process | oom-kill event | oom_kill event | oomkilled | "
        "signal 9 (sigkill) | exitcode: -9) | exitcode … : -9 (pid | died with <signals.sigkill | "
        "terminated with signal sigkill | killed by signal: killed",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.ROLLOUT_MEMORY,
        "out of memory at … cumem_allocator | free memory on device … desired gpu memory utilization | "
        "error in memory profiling | "
        "out of memory occurred when warming up sampler | capture cuda graph failed … out of memory | "
        "capture cudagraph failed … out of memory | memory capacity is unbalanced",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.GPU_MEMORY,
        "cuda out of memory | torch.outofmemoryerror | torch.cuda.outofmemoryerror | cuda error: out of memory | "
        "cuda_error_out_of_memory | cudaerror error: 2 (out of memory) | cudaerrormemoryallocation | "
        "cublas_status_alloc_failed | hip out of memory | npu out of memory | xpu out of memory | "
        "cuda failure 2 'out of memory' | cuda failure 'out of memory' | resource_exhausted: out of memory | "
        "prefill out of memory | decode out of memory | "
        # torch asks NVML how much is free, only to say so where memory has run out
        "nvml_success == r internal assert",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.CACHE_BLOCKS,
        "no available memory for the cache blocks | tokens that can be stored in kv cache | "
        "larger than the available kv cache memory | increase --mem-fraction-static | "
        "not enough memory. please try to increase",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.CRASHED,
        "*** sigsegv received | *** sigill received | *** sigfpe received | !!!!!!! segfault encountered | "
        "fatal python error: segmentation fault | fatal python error: none_dealloc | "
        "fatal python error: bus error | fatal python error: illegal instruction | "
        "fatal python error: deallocating none | fatal python error: gc_ | fatal python error: _py | "
        "fatal python error: py | signal 11 (sigsegv) | exitcode: -11) | exitcode … : -11 (pid | "
        "died with <signals.sigsegv | terminated with signal sigsegv | killed by signal: segmentation fault | "
        "segmentation fault (core dumped) | ^segmentation fault | illegal instruction (core dumped) | "
        "double free or corruption | corrupted double-linked list | corrupted size vs. prev_size | "
        "free(): invalid | malloc():  | munmap_chunk(): invalid | *** stack smashing detected",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.NCCL_TIMEOUT,
        "watchdog caught collective operation timeout | timed out waiting … for recv operation | "
        "timed out waiting … for send operation | received a global timeout from another rank | "
        "nccl … heartbeat monitor timed out | processgroupnccl watchdog hang | due to … watchdog hang",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.NCCL_USAGE,
        "ncclinvalidusage | ncclinvalidargument | duplicate gpu detected | no socket interface found | "
        "nccl error … invalid usage | nccl error … invalid argument",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.NCCL_NETWORK,
        "ncclsystemerror | ncclremoteerror | nccl error … unhandled system error | "
        "nccl error … remote process exited | nccl error … network error | "
        "gloo … connection closed by peer | gloo … connection reset by peer | "
        "gloo … connection refused | gloo connectfullmesh failed",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.NCCL_ERROR,
        "nccl error | nccl communicator | ncclunhandledcudaerror | ncclinternalerror | rccl error | "
        "mismatch between collectives | hccl function error | hccl api failed | hccl error",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.GPU_HARDWARE,
        "uncorrectable ecc error | uncorrectable nvlink error | fallen off the bus | nvrm: xid | "
        "unable to determine the device handle | is/are busy or unavailable | cuda error: unknown error | "
        "gpu is lost | error 802: system not yet initialized | cudaerrorsystemnotready | "
        "error 803: system has unsupported | driver/library version mismatch | nvml error:  | "
        "nvidia-container-cli: initialization error",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.GPU_UNSUPPORTED,
        "no kernel image is available for execution",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.NO_GPU,
        "failed to infer device type | no cuda gpus are available | no cuda-capable device is detected | "
        "invalid device ordinal | "
        "found no nvidia driver | driver on your system is too old | cuda driver version is insufficient | "
        "torch not compiled with cuda enabled | could not select device driver",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.DEVICE_ASSERT,
        "device-side assert triggered | index out of range in self | assertion `srcindex < | "
        "assertion `t >= 0 | assertion `-sizes[i] <= index | "
        "assertion `index out of bounds | assertion `idx_dim >= 0 | assertion `ind >= 0",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.FORKED_CUDA,
        "in forked subprocess",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.CUDA_ERROR,
        "cuda error:  | illegal memory access was encountered | "
        "cuda driver error | cublas_status_ | cusparse_status_ | cudnn_status_ | cudnn error | cuda_error_ | "
        "cudaerrorillegaladdress | unspecified launch failure | triton error [cuda] | hip error: ",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.NODE_LOST,
        "has been marked dead | its node has died | actor's node was terminated | node was preempted | "
        "nodediederror | local raylet died | localrayletdiederror | owner's node has crashed | "
        "missed too many heartbeats | missing too many heartbeats | verl watch: node lost:  | due to node failure | "
        "node failure on  | task launch for … failed on node | application launch failed:  | "
        "unable to create step … timed out | unable to create step … zero bytes",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.OBJECT_STORE_FULL,
        "objectstorefullerror | in object store because it is full",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.DISK_FULL,
        "no space left on device | low on resource: ephemeral-storage | exceeds the total limit of containers | "
        "usage of emptydir volume … exceeds the limit | disk quota exceeded | "
        "outofdiskerror | file write failed | unexpected pos … vs",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.PATH_TOO_LONG,
        "af_unix path | file name too long | unix socket path … too long",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.FILE_LOCKED,
        "file lock … could not be acquired | no locks available",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.PROCESS_LIMIT,
        "too many open files | can't start new thread | blockingioerror: [errno 11] | "
        "pthread_create failed: resource temporarily unavailable | fork: retry: resource temporarily unavailable",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.MOUNT_LOST,
        "transport endpoint is not connected | stale file handle | [errno 5] input/output error | "
        "[errno 116] | remote i/o error | socket not connected … fuse",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.PACKAGES_LOCKED,
        "could not get lock /var/lib/ | "
        "unable to acquire the dpkg frontend lock | unable to lock directory /var/lib/apt",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.UNSCHEDULABLE,
        "timed out waiting for placement group | placement group … timed out | placementgroupschedulingerror | "
        "unable to create step … requested node configuration",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.PORT_IN_USE,
        "eaddrinuse | address already in use | errno: 98",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.RENDEZVOUS,
        "clients joined | store->get( … timeout | wait timeout after … keys: | client socket has timed out after | "
        "rendezvoustimeouterror | rendezvousconnectionerror | failed to connect to any network addresses | "
        "diststoreerror: socket timeout | diststoreerror: timed out | unable to meet other processes at the rendezvous",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.RAY_UNREACHABLE,
        "failed to connect to gcs | timed out while waiting for gcs | failed to get cluster id from gcs | "
        "unable to connect to gcs | could not find any running ray instance | "
        "the current node timed out during startup | failed to get the system config from raylet | "
        "failed to connect to the ray cluster | could not connect to the ray cluster | ray client connection timeout | "
        "could not read … node_ip_address",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.PACKAGES_MANAGED,
        "externally-managed-environment | is externally managed",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.MESSAGE_SIZE,
        "message larger than max ( | message exceeds maximum size",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.BUILD_FAILED,
        "subprocess-exited-with-error | metadata-generation-failed | failed-wheel-build-for-install | "
        "legacy-install-failure | failed building wheel for | could not build wheels | "
        "failed to build installable wheels | × failed to build | × failed to download and build | "
        "ninja: build stopped | error compiling objects for extension | error: command '/",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.OVERRIDE,
        "configcompositionexception | overrideparseexception | could not override ' | "
        "could not append to config | could not delete from config | error parsing override ' | "
        "mismatched input ' | no viable alternative at input | token recognition error at: | "
        "error merging override | missingconfigexception | cannot find primary config | lexernoviablealt",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.HUGGING_FACE,
        "gatedrepoerror | gated repo | access to model … is restricted | access to dataset … is restricted",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.ROLLOUT_HANG,
        "watchdog timeout (self.watchdog_timeout | rpc call to … timed out",
        in_any_line=True,
    ),
)
"""Those that come before the framework's own."""

CONSEQUENCE_TEXTS: Sequence[FailureTexts] = (
    FailureTexts(
        FailureKind.TERMINATED,
        "*** sigterm received | the process receives a sigterm | got signal: 15 | got signal: 2 | "
        "signal 15 (sigterm) | exitcode: -15) | exitcode … : -15 (pid | died with <signals.sigterm | "
        "terminated with signal sigterm | killed by signal: terminated | verl watch: ended by a signal | "
        "due to time limit | due to preemption | "
        "^systemexit: 15 | ^terminated | ^keyboardinterrupt",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.CRASHED,
        "fatal python error:  | terminate called after throwing | libc++abi: terminating | "
        ".cc: … check failed:  | .cpp: … check failed:  | .h: … check failed:  | "
        "*** sigabrt received | aborted (core dumped) | signal 6 (sigabrt) | "
        "exitcode: -6) | exitcode … : -6 (pid",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.ROLLOUT_FAILED,
        "engine core initialization failed | received sigquit from a child process | "
        "engine core proc … died unexpectedly | workerproc initialization failed | workerproc failed to start | "
        "enginecore failed to start | enginecore encountered a | enginedeaderror | "
        "engine process failed to start | background loop has errored already | background loop is stopped | "
        "engine loop is not running | scheduler … is dead | worker proc … died unexpectedly | "
        "initialization failed. please see the error messages above | server process terminated unexpectedly",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.UNSCHEDULABLE,
        "nodes are available: … insufficient | "
        "no available node types can fulfill | cannot be scheduled right now | unschedulableerror",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.ROLLOUT_HANG,
        "gettimeouterror",
    ),
    # Ray's own servers and the start of its workers
    FailureTexts(
        FailureKind.RAY_UNREACHABLE,
        "unable to register worker with raylet | failed to register worker | have not registered within the timeout | "
        "raylet exited immediately because one ray agent failed",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.RUNTIME_ENV,
        "runtimeenvsetuperror | failed to set up runtime environment",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.LIBRARY_MISMATCH,
        "failed to import transformers | (look up to see its traceback)",
    ),
    FailureTexts(
        FailureKind.MISSING_MODULE,
        ": command not found",
        in_any_line=True,
    ),
    FailureTexts(
        FailureKind.EXCEPTION,
        "in dataloader worker process | exceptiongroup:  | ^systemexit",
    ),
    FailureTexts(
        FailureKind.WORKER_DIED,
        "actordiederror | workercrashederror | rayactorerror | a worker died or was killed | "
        "actorunavailableerror | ownerdiederror | objectlosterror | childfailederror | processexitedexception | "
        "processraisedexception | brokenprocesspool | calledprocesserror | exited unexpectedly | "
        "has abruptly died",
        in_any_line=True,
    ),
)
"""Lines that follow from another failure: of these the first counts, where the log has no cause."""

PEER_TEXTS: Sequence[FailureTexts] = (
    FailureTexts(
        FailureKind.WORKER_DIED,
        "^eoferror | ^brokenpipeerror | cancellederror",
    ),
)
"""What a process says whose peer is gone. They come after all others."""
