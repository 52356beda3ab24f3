"""What the script of a recipe asks of its Ray: that all nodes have come, where the checkpoints are, who is still there.

Usage, on the head node:
    python3 verl_watch.py join ADDRESS NODES SECONDS GPUS_PER_NODE QUEUE_CPUS CPUS_PER_GPU
    python3 verl_watch.py resume ADDRESS FOLDER NEWEST|STEP WORLD_SIZE
    python3 verl_watch.py watch ADDRESS NODES REQUEST_FILE ANSWER_FILE
"""

import os
import re
import shutil
import sys
import time
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

NAMESPACE, ACTOR = "verlbot", "save-requests"
"""The name in Ray under which `verl_saving.py` finds the requests."""

NODE_LOST_CODE = 68
"""Exit code of a training that lost a node; no program of verl or Ray uses it. (`EX_NOHOST` of sysexits.h.)"""

POLL_SECONDS = 0.5
CALL_SECONDS = 60.0
"""Maximum time of a question to all nodes."""

MAX_COPIED_BYTES = 64 * 2**20
"""Maximum size of the position in the data that is copied to nodes that lack it; it has some kilobytes."""

POSITIONS = ("data.pt", "data_0.pt")
"""Names of the position in the data: of trainers by reinforcement, and of the SFT trainer."""

TRACKER = "latest_checkpointed_iteration.txt"
STEP_FOLDER = re.compile(r"global_step_(\d{1,9})")
PART = re.compile(r"model_world_size_(\d{1,6})_rank_(\d{1,6})\.pt")


def main(words):
    """Run one of the commands and return its exit code."""
    command, address, *rest = words
    ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")
    return {"join": join, "resume": resume, "watch": watch}[command](*rest)


def fail(problem):
    """End with a sentence."""
    sys.exit(f"verl recipe: {problem}")


# Nodes


def list_nodes():
    """Return the nodes of Ray that live, and those that have died, each with its address."""
    nodes = ray.nodes()
    return [node for node in nodes if node["Alive"]], [node for node in nodes if not node["Alive"]]


def ask_nodes(function, *values, skip_own=False):
    """Return what the function returns on each node that lives, in Ray's order.

    Zero CPUs, because verl may have taken them all.
    """
    own = ray.get_runtime_context().get_node_id()
    task = ray.remote(num_cpus=0)(function)
    calls = [
        task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(*values)
        for node in list_nodes()[0]
        if not (skip_own and node["NodeID"] == own)
    ]
    return ray.get(calls, timeout=CALL_SECONDS)


def join(nodes, seconds, gpus_per_node, queue_cpus, cpus_per_gpu):
    """Wait until all nodes have joined, and check that they have the CPUs that verl takes: some for its sample queue,
    and some for each GPU's worker. With fewer it waits for ever.
    """
    wanted, limit = int(nodes), time.monotonic() + int(seconds)
    while (count := len(list_nodes()[0])) < wanted:
        if time.monotonic() >= limit:
            fail(f"only {count} of {wanted} nodes joined Ray within {seconds} seconds.")
        time.sleep(POLL_SECONDS)
    cpus = [count_cpus(node) for node in list_nodes()[0]]
    problem = find_missing_cpus(cpus, int(gpus_per_node), int(queue_cpus), int(cpus_per_gpu))
    return fail(problem) if problem else 0


def count_cpus(node):
    """Return the CPUs of a node of Ray."""
    return int(node.get("Resources", {}).get("CPU", 0))


def find_missing_cpus(cpus, gpus_per_node, queue_cpus, cpus_per_gpu):
    """Return what is wrong with the CPUs of the nodes; nothing where they are enough.

    >>> find_missing_cpus([16], 4, 9, 3)
    'verl needs 21 CPUs for 4 GPUs (9, and 3 for each GPU), and the node has 16. Ask for more with `cpus`.'
    >>> find_missing_cpus([16], 2, 0, 10)
    'verl needs 20 CPUs for 2 GPUs (10 for each GPU), and the node has 16. Ask for more with `cpus`.'
    >>> find_missing_cpus([16, 16], 1, 9, 3)
    """
    gpus = gpus_per_node * len(cpus)
    needed = queue_cpus + cpus_per_gpu * gpus
    if sum(cpus) >= needed and min(cpus, default=0) >= cpus_per_gpu * gpus_per_node:
        return None
    place = "the node has" if len(cpus) == 1 else f"the {len(cpus)} nodes have"
    has = " + ".join(map(str, cpus))
    shares = f"{queue_cpus}, and {cpus_per_gpu} for each GPU" if queue_cpus else f"{cpus_per_gpu} for each GPU"
    counted = "1 GPU" if gpus == 1 else f"{gpus} GPUs"
    return f"verl needs {needed} CPUs for {counted} ({shares}), and {place} {has}. Ask for more with `cpus`."


# Checkpoints


def resume(folder, wanted, world_size):
    """Print the path of the checkpoint to resume from, once every node has what it needs; nothing for a new start."""
    listings = ask_nodes(list_checkpoints, folder)
    step, problem = choose_checkpoint(listings, None if wanted == "NEWEST" else int(wanted), int(world_size))
    if problem:
        fail(problem.format(folder=folder))
    if step is None:
        return 0
    newest = max((listing["newest"] or 0 for listing in listings), default=0)
    if wanted == "NEWEST" and step != newest:
        print(f"verl watch: parts of step {newest} are missing; resuming from step {step}.", file=sys.stderr)
    path = os.path.join(folder, f"global_step_{step}")
    share_position(path)
    print(path)
    return 0


def list_checkpoints(folder):
    """Return what a node has of a run's checkpoints: the newest whole step by verl's word, and each step's parts.

    The parts are pairs of world size and rank; None stands for a model that is saved in another form. Trainers by
    reinforcement write them into a folder `actor`, which verl clears; the SFT trainer into the step's own folder.
    """
    root = Path(folder)
    try:
        newest = int((root / TRACKER).read_text())
    except (OSError, ValueError):
        newest = None
    steps = {}
    for path in root.glob("global_step_*"):
        match = STEP_FOLDER.fullmatch(path.name)
        if not match or not path.is_dir():
            continue
        actor = path / "actor"
        if actor.is_dir():
            steps[int(match[1])] = list_parts(actor) or ([None] if any(actor.iterdir()) else [])
        elif parts := list_parts(path):
            steps[int(match[1])] = parts
    return {"newest": newest, "steps": steps}


def list_parts(folder):
    """Return the parts of a model in a folder, as pairs of world size and rank."""
    names = map(PART.fullmatch, (entry.name for entry in folder.iterdir()))
    return [(int(part[1]), int(part[2])) for part in names if part]


def choose_checkpoint(listings, wanted, world_size):
    """Return the step to resume from and no problem; or no step, and a problem unless there is no checkpoint at all.

    verl names the newest step when its last part is written, on the node of its trainer alone. (Source: verl 0.9.1,
    `_save_checkpoint` in `trainer/ppo/v1/trainer_base.py`.)

    Args:
        listings: what each node has.
        wanted: the step that a person asked for; None for the newest that is whole.
        world_size: the number of GPUs now: a checkpoint of another number cannot be loaded.
    """
    newest = max((listing["newest"] for listing in listings if listing["newest"] is not None), default=None)
    parts = {}
    for listing in listings:
        for step, found in listing["steps"].items():
            parts.setdefault(step, set()).update(found)
    named = [wanted] if wanted is not None else sorted((s for s in parts if newest and s <= newest), reverse=True)
    if wanted is None and newest is None:
        return None, None
    for step in named:
        if is_whole(parts.get(step, set()), world_size):
            return step, None
    first = wanted if wanted is not None else newest
    return None, describe_missing(first, parts.get(first, set()), world_size)


def is_whole(parts, world_size):
    """Return whether these are all parts of a checkpoint of so many GPUs.

    >>> is_whole({(2, 0), (2, 1)}, 2), is_whole({(2, 0)}, 2), is_whole({(4, 0)}, 1), is_whole(set(), 1)
    (True, False, False, False)
    """
    return None in parts or (bool(parts) and parts >= {(world_size, rank) for rank in range(world_size)})


def describe_missing(step, parts, world_size):
    """Return why a checkpoint cannot be loaded; `{folder}` stands for its folder."""
    sizes = sorted({part[0] for part in parts if part})
    if sizes and world_size not in sizes:
        return (
            f"The checkpoint of step {step} in {{folder}} was saved by {sizes[0]} GPUs and cannot be loaded by "
            f"{world_size}. Resume with {sizes[0]} GPUs in all."
        )
    if parts:
        missing = [str(rank) for rank in range(world_size) if (world_size, rank) not in parts]
        return (
            f"The checkpoint of step {step} in {{folder}} lacks the parts of rank {', '.join(missing)}: they may be on "
            "a node that is gone. Bring them back, or start a new run."
        )
    return f"There is no checkpoint of step {step} in {{folder}}: it was never saved there, or verl has cleared it."


def share_position(path):
    """Copy the position in the data to each node that lacks it.

    verl writes it on one node and reads it on whichever node its trainer is then; without it, it silently begins with
    the first example again.
    """
    for name in POSITIONS:
        file = os.path.join(path, name)
        found = [content for content in ask_nodes(read_position, file) if content is not None]
        if found:
            ask_nodes(write_position, file, found[0])


def read_position(path):
    """Return the bytes of the position in the data; None where the node has none, or one of absurd size."""
    file = Path(path)
    try:
        return file.read_bytes() if file.stat().st_size <= MAX_COPIED_BYTES else None
    except OSError:
        return None


def write_position(path, content):
    """Write the position in the data where the node has none."""
    file = Path(path)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.uname().nodename}.{os.getpid()}")
        part.write_bytes(content)
        shutil.move(part, file)


# The time of the training


class SaveRequests:
    """What keeps the requests for a checkpoint, between this program and verl's trainer, which may be on any node."""

    def __init__(self):
        self.asked, self.answered, self.step = 0, 0, None

    def ask(self):
        """Record one request more."""
        self.asked += 1

    def find_open(self):
        """Return the number of the newest request; 0 where all are answered."""
        return self.asked if self.asked > self.answered else 0

    def answer(self, request, step):
        """Record the step that was saved; return whether the request was open."""
        is_open = request > self.answered
        self.answered, self.step = max(self.answered, request), step
        return is_open

    def get_answer(self):
        """Return the step that was saved last on request; None where none was."""
        return self.step


def watch(nodes, request_file, answer_file):
    """Pass requests on and watch the nodes until one has died or the training has ended; then tell all nodes.

    The script on each node finds the exit code of the training in the file that `VERLBOT_END_FILE` names.
    """
    requests = ray.remote(num_cpus=0)(SaveRequests).options(name=ACTOR, scheduling_strategy=stay_here()).remote()
    request_path, answer_path, end_path = Path(request_file), Path(answer_file), Path(os.environ["VERLBOT_END_FILE"])
    last = None
    while True:
        living, dead = list_nodes()
        if len(living) < int(nodes):
            print(describe_loss(living, dead, int(nodes)), file=sys.stderr, flush=True)
            tell_end(str(NODE_LOST_CODE))
            return NODE_LOST_CODE
        if end_path.exists() and (code := end_path.read_text().strip()):
            tell_end(code)
            return 0
        if request_path.exists():
            request_path.unlink(missing_ok=True)
            ray.get(requests.ask.remote(), timeout=CALL_SECONDS)
        step = ray.get(requests.get_answer.remote(), timeout=CALL_SECONDS)
        if step is not None and step != last:
            answer_path.write_text(f"{step}\n")
            last = step
        time.sleep(POLL_SECONDS)


def stay_here():
    """Return the placement of an actor on this node."""
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def describe_loss(living, dead, wanted):
    """Return which nodes have died."""
    gone = ", ".join(sorted({node["NodeManagerAddress"] for node in dead})) or "unknown"
    return f"verl watch: node lost: {len(living)} of {wanted} nodes are left; {gone} has left Ray. The training ends."


def tell_end(code):
    """Tell the scripts on the other nodes the exit code; each finds out by itself where it cannot be told."""
    try:
        ask_nodes(write_end, code, skip_own=True)
    except ray.exceptions.RayError as error:
        print(f"verl watch: a node cannot be told how the training ended: {type(error).__name__}", file=sys.stderr)


def write_end(code):
    """Write the exit code where this node's script looks for it."""
    Path(os.environ["VERLBOT_END_FILE"]).write_text(f"{code}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
