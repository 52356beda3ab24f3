"""Judge real cases: deaths, sick trainings, formats of logs and SkyPilot's refusals, each beside its right answer.

The cases are files in a folder that VERLBOT_CASES names, and labelled logs of failed jobs in one that VERLBOT_CORPUS
names; neither is part of this repository. The right answers are here, by the name of the case.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import fmean

from bot.adapters.sky.refusal_advice import describe_error
from bot.cli.replay import ReplayedStep, build_run, read_events, replay_events
from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import FailureKind, FailureSummary, RetryEffect
from bot.core.model.metrics import CheckpointSaved, StepMetrics, TrainingResumed
from bot.core.rules.failure_causes import CAUSES_BY_KIND
from bot.core.rules.failure_diagnosis import diagnose
from bot.core.rules.log_lines import split_clean_lines

HELPS, HELPS_NOT, UNKNOWN = RetryEffect.HELPS, RetryEffect.DOES_NOT_HELP, RetryEffect.UNKNOWN


@dataclass(frozen=True, slots=True)
class Death:
    """The right answer about one death.

    Attributes:
        kinds: the kinds of failure that are right.
        line: matches the line that is to be shown.
        retry: what advice may say about a retry without changes.
        advice: matches what is to be changed.
        node: number of the node that failed, where the lines name it.
    """

    kinds: tuple[FailureKind, ...]
    line: str
    retry: tuple[RetryEffect, ...] = (HELPS_NOT,)
    advice: str = ""
    node: int | None = None


K = FailureKind
DEATHS = {
    "A01": Death((K.TENSOR_PARALLEL,), r"not divisible by infer_tp", advice=r"tensor_model_parallel_size"),
    "A02": Death((K.SEQUENCE_PARALLEL,), r"First dimension of the tensor", advice=r"tensor_model_parallel_size"),
    "A03": Death((K.CONFIG_KEY,), r"launch_reward_fn_async", advice=r"version|\+"),
    "A04": Death((K.TOO_FEW_GPUS,), r"Total available GPUs 8\.0", advice=r"nnodes|n_gpus_per_node"),
    "A06": Death((K.WORKER_DIED,), r"^ray\.exceptions\.ActorDiedError", (UNKNOWN, HELPS_NOT)),
    "A10": Death((K.FILTERED_GROUPS,), r"num_gen_batches", advice=r"max_num_gen_batches"),
    "A11": Death((K.ROLLOUT_MEMORY,), r"Free memory on device", (HELPS_NOT, UNKNOWN), r"[Ll]ower .*memory_utilization"),
    "A12": Death((K.CACHE_BLOCKS,), r"No available memory for the cache blocks", advice=r"[Rr]aise .*memory_utilizat"),
    "A13": Death((K.WANDB,), r"api_key not configured", advice=r"WANDB_API_KEY"),
    "A14": Death((K.CRASHED,), r"SIGSEGV|Segmentation fault", (UNKNOWN, HELPS_NOT)),
    "A15": Death((K.CRASHED,), r"none_dealloc", (UNKNOWN, HELPS_NOT)),
    "A16": Death((K.NCCL_TIMEOUT,), r"Watchdog caught collective operation timeout", (UNKNOWN, HELPS)),
    "A17": Death((K.LIBRARY_MISMATCH,), r"undefined symbol", advice=r"image|wheel|flash-attn"),
    "A19": Death((K.PROMPT_TOO_LONG,), r"sequence_length=1081", advice=r"filter_overlong_prompts|truncation"),
    "A20": Death((K.NODE_LOST,), r"node .*(?:died|dead)|its node has died", (HELPS,), node=1),
    "A22": Death((K.OBJECT_STORE_FULL,), r"ObjectStoreFullError", advice=r"/dev/shm|object_store_memory|memory"),
    "A24": Death((K.PORT_IN_USE,), r"EADDRINUSE|address already in use", (HELPS, UNKNOWN)),
    "A25": Death((K.PORT_IN_USE,), r"failed to listen|EADDRINUSE", (HELPS, UNKNOWN)),
    "A28": Death((K.MODEL_UNKNOWN,), r"Qwen2\.5-7B-Instuct", advice=r"actor_rollout_ref\.model\.path|spell|name"),
    "A31": Death((K.KILLED,), r"-9|SIGKILL", (HELPS_NOT, UNKNOWN), r"memory"),
    "A32": Death((K.BUILD_FAILED, K.MISSING_MODULE), r"torch|subprocess|metadata", advice=r"no-build-isolation|wheel"),
    "A34": Death((K.CUDA_ERROR,), r"illegal memory access", (UNKNOWN, HELPS)),
    "A36": Death((K.TEARDOWN,), r"", (RetryEffect.NOT_NEEDED,)),
    "A37": Death((K.TERMINATED,), r"SIGTERM|143", (HELPS,)),
    "A38": Death((K.CONFIG_KEY,), r"loss_normal_type"),
    "A40": Death((K.GPU_MEMORY, K.ROLLOUT_MEMORY), r"CUDA_ERROR_OUT_OF_MEMORY|out of memory", advice=r"memory_utiliz"),
    "A42": Death(
        (K.PROMPT_TOO_LONG, K.CONTEXT_LENGTH), r"Prompt length of 558", advice=r"filter_overlong|max_model_len"
    ),
    "A43": Death((K.CHECKPOINT_MISMATCH,), r"loading state_dict|size mismatch"),
    "A44": Death((K.NCCL_TIMEOUT,), r"Watchdog caught collective operation timeout", (UNKNOWN, HELPS)),
    "A45": Death((K.RAY_UNREACHABLE,), r"GCS", (HELPS, UNKNOWN), node=1),
}
"""By the case's number. A23 has no failure."""


@dataclass(frozen=True, slots=True)
class Sickness:
    """The right answer about one sick training.

    Attributes:
        names: the findings that are to be reported.
        by_step: the last step at which the first of them is in time.
        unsaid: findings that would be wrong.
        never: matches what may not be said in any of them.
    """

    names: tuple[str, ...] = ()
    by_step: int = 0
    unsaid: tuple[str, ...] = ()
    never: str = ""


SICKNESSES = {
    "B02": Sickness(("not-a-number",), 3, never=r"before that step"),
    "B03": Sickness(("not-a-number",), 61),
    "B04": Sickness(("rollout-mismatch",), 40),
    "B05": Sickness(("rollout-mismatch",), 12),
    "B06": Sickness(("silent-tools",), 60),
    "B07": Sickness(("truncation",), 10, unsaid=("gradient-vanished", "hopeless-groups")),
    "B09": Sickness(("entropy-rise",), 120),
    "B13": Sickness(("kl-blow-up", "reward-collapse"), 250, unsaid=("plateau",)),
    "B14": Sickness(),
    "B15": Sickness(("no-variance", "gradient-vanished", "hopeless-groups"), 60),
    "B16": Sickness(("not-a-number",), 118),
}

REFUSALS = {
    "D01": (
        r"no longer any instances available.*CA.*CZ|CA.*CZ.*no longer any instances available",
        r"infra|wait|later",
    ),
    "D02": (r"no quota for g4dn\.xlarge", r"quota"),
    "D04": (r"1 Insufficient nvidia\.com/gpu", r"free|nodes|fewer"),
    "D06": (r"private bucket", r""),
    "D07": (r"source: s3://acme-outputs1", r""),
    "D09": (r"wheel", r"version"),
    "D10": (r"driver|FAILED_DRIVER", r"resume|[Ll]aunch"),
    "D11": (r"controller|Controller", r"resume|[Ll]aunch|controller"),
    "D12": (r"unhealthy|Ray", r"probe|recover|wait|alone"),
    "D13": (r"terminated", r"resume"),
    "D16": (r"SSD_TOTAL_GB.*500", r"quota|disk"),
    "D18": (r"ckpts", r"volume"),
}
"""By the case's number, what is to be shown of SkyPilot's words, and the advice."""

CORPUS_KINDS: Mapping[str, tuple[FailureKind, ...]] = {
    "assertion": (K.ASSERTION, K.BATCH_SIZE, K.MICRO_BATCH),
    "cuda_oom": (K.GPU_MEMORY, K.LOG_PROB_MEMORY, K.CRITIC_MEMORY),
    "cuda_runtime": (K.CUDA_ERROR, K.DEVICE_ASSERT),
    "device_mismatch": (K.DEVICE_MISMATCH,),
    "div_zero": (K.DIVISION_BY_ZERO,),
    "file_not_found": (K.FILE_MISSING, K.DATA_MISSING),
    "missing_module": (K.MISSING_MODULE,),
    "nan_loss": (K.NAN_LOSS,),
    "nccl": (K.NCCL_ERROR, K.NCCL_NETWORK, K.NCCL_USAGE, K.NCCL_TIMEOUT),
    "oom_killer": (K.KILLED,),
    "permission": (K.PERMISSION_DENIED,),
    "ram_oom": (K.NODE_MEMORY,),
    "runtime_error": (K.RUNTIME_ERROR, K.TENSOR_SHAPE),
    "segfault": (K.CRASHED,),
    "traceback": (K.EXCEPTION, K.CODE_ERROR),
}
"""The kinds of failure that are the same as a label of the corpus."""

ANY_ERROR = {"runtime_error", "traceback"}
"""Labels of the corpus that name no cause; a kind that no other label has is more exact, and right."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong in one case; an empty text where it is right."""

    case: str
    fault: str
    shown: str


def measure() -> None:
    """Print each case that is wrong, and how many are right; then the corpus."""
    folder, corpus = os.environ.get("VERLBOT_CASES"), os.environ.get("VERLBOT_CORPUS")
    if not folder and not corpus:
        print("VERLBOT_CASES names no folder of cases, and VERLBOT_CORPUS none of labelled logs.")
    if folder:
        print_verdicts(list(judge_cases(Path(folder))))
    if corpus:
        print_corpus(Path(corpus))


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print what is wrong, and how many are right."""
    for verdict in verdicts:
        if verdict.fault:
            print(f"{verdict.case}: {verdict.fault}\n    shown: {verdict.shown[:300]}")
    print(f"{sum(not verdict.fault for verdict in verdicts)} of {len(verdicts)} cases are right")


def judge_cases(folder: Path) -> Iterator[Verdict]:
    """Yield the verdict of each case in a folder."""
    for path in sorted(folder.iterdir()):
        number = path.name.partition("-")[0]
        if path.suffix == ".json":
            yield from judge_refusals(json.loads(path.read_text("utf-8")))
        elif number.startswith("A"):
            yield judge_death(number, path.read_text("utf-8"))
        elif number in SICKNESSES:
            yield judge_sickness(number, replay_bytes(path.read_bytes()))
        else:
            yield judge_format(number, path.read_bytes())


def judge_death(number: str, log: str) -> Verdict:
    """Return the verdict about a death, with the first thing that is wrong."""
    nodes = 2 if "rank=1" in log else 1
    failure, right = diagnose(log, nodes), DEATHS.get(number)
    if failure is None or right is None:
        is_right = failure is None and right is None
        return Verdict(
            number, "" if is_right else "whether there is a failure", failure.error if failure else "nothing"
        )
    advice = str(FRAMEWORK.remedies.get(failure.kind, "")) if failure.kind else ""
    retry = CAUSES_BY_KIND[failure.kind].retry if failure.kind else UNKNOWN
    faults = {
        f"is {failure.kind}, not {right.kinds[0]}": failure.kind in right.kinds,
        "another line": re.search(right.line, failure.error) is not None,
        f"a retry {retry}": retry in right.retry,
        "the advice": re.search(right.advice, advice, re.DOTALL) is not None,
        f"node {failure.node}": right.node is None or failure.node == right.node,
    }
    fault = next((text for text, is_right in faults.items() if not is_right), "")
    return Verdict(number, fault, f"{failure.error} · {advice}")


def replay_bytes(log: bytes) -> list[ReplayedStep]:
    """Return all steps of a log, as `verlbot replay` reads it."""
    return list(replay_events(read_events(BytesIO(log)), build_run("case", None, 1)))


def judge_sickness(number: str, steps: Sequence[ReplayedStep]) -> Verdict:
    """Return the verdict about a sick training: what was found, when, and in which words."""
    right, found, texts = SICKNESSES[number], dict[str, int](), list[str]()
    for step in steps:
        for finding in step.run.training.health.open_findings:
            if str(finding.severity) != "note" or finding.name in (*right.names, *right.unsaid):
                found.setdefault(finding.name, step.row.step)
            texts += [str(finding.what), str(finding.evidence), str(finding.advice)]
    first = min((found[name] for name in right.names if name in found), default=None)
    wrong = sorted(found.keys() & set(right.unsaid))
    if right.names and first is None:
        fault = f"{right.names[0]} was not found"
    elif first is not None and first > right.by_step:
        fault = f"found at step {first} only"
    elif wrong or (not right.names and found):
        fault = f"{', '.join(wrong or found)} is wrong"
    else:
        fault = "its words" if right.never and re.search(right.never, " ".join(texts)) else ""
    return Verdict(number, fault, str(found))


def judge_refusals(cases: Mapping[str, Mapping[str, str]]) -> Iterator[Verdict]:
    """Yield the verdicts about SkyPilot's refusals."""
    for name, case in cases.items():
        number = name.partition("-")[0]
        shown, advice = REFUSALS[number]
        text = str(describe_error(case.get("kind", ""), case["message"]))
        missing = [part for part in (shown, advice) if not re.search(part, text, re.DOTALL)]
        yield Verdict(number, f"no {missing[0]!r}" if missing else "", text)


def expect(**facts: tuple[object, object]) -> str:
    """Return the facts that are not as they should be, each given as (is, should be)."""
    return ", ".join(f"{name} is {fact[0]}, not {fact[1]}" for name, fact in facts.items() if fact[0] != fact[1])


def judge_fully_async(rows: Sequence[StepMetrics], steps: Sequence[ReplayedStep], first: int) -> str:
    """Return what is wrong in a log of the fully asynchronous trainer with twelve steps of forty."""
    trained = {row.step for row in rows if "actor/grad_norm" in row.values}
    progress = steps[-1].run.training.progress
    return expect(
        steps=(sorted(trained), list(range(1, 13))),
        first=(min(row.step for row in rows), first),
        last=((progress.step, progress.last_step), (12, 40)),
        reward=(progress.reward, 0.2),
    )


def judge_format(number: str, log: bytes) -> Verdict:
    """Return the verdict about a log format."""
    events = list(read_events(BytesIO(log)))
    rows, steps = [event for event in events if isinstance(event, StepMetrics)], replay_bytes(log)
    progress = steps[-1].run.training.progress if steps else None
    validations = [FRAMEWORK.keys.find_validation(row.values) for row in rows]
    validation = next((value for value in reversed(validations) if value is not None), None)
    match number:
        case "C01" | "C02":
            fault = judge_fully_async(rows, steps, 1 if number == "C01" else 0)
        case "C05":
            fault = expect(
                steps=(sorted({row.step for row in rows}), [0, 1]), validation=(round(validation or 0, 2), 0.86)
            )
        case "C06":
            saved = [event.step for event in events if isinstance(event, CheckpointSaved)]
            pace = progress.seconds_per_step if progress else None
            fault = expect(
                saved=(saved, [8]),
                pace=(pace is not None and 6 <= pace <= 7.5, True),
                steps=(len({row.step for row in rows}), 9),
            )
        case "C07":
            fault = expect(validation=(validation, 0.33), steps=(sorted({row.step for row in rows}), list(range(6))))
        case "C08":
            fault = expect(validation=(validation, 0.16))
        case "C09":
            fault = expect(
                steps=([row.step for row in rows], list(range(1, 12))), has_validation=(validation is not None, True)
            )
        case "C10":
            resumed = [event.step for event in events if isinstance(event, TrainingResumed)]
            fault = expect(resumed=(set(resumed), {8}), validation=(validation, 0.28))
        case "C13":
            fault = expect(steps=([row.step for row in rows] in ([], [3]), True))
        case _:
            lines = split_clean_lines(log.decode())
            fault = expect(
                bracket=(any("[model_runner.py:1110]" in line for line in lines), True), steps=(len(rows), 1)
            )
    return Verdict(number, fault, str([row.step for row in rows][:30]))


def print_corpus(folder: Path) -> None:
    """Print which logs of the corpus are taken for another kind, and the mean of all labels' F1."""
    labels = [(path.name.rpartition("-")[0].rpartition("-")[0], path) for path in sorted(folder.glob("*.log"))]
    pairs = [
        (label, to_label(diagnose(path.read_text("utf-8", "replace")), label), path.name) for label, path in labels
    ]
    for label, answer, name in pairs:
        if label != answer:
            print(f"{name}: {answer}, not {label}")
    print(f"macro-F1 over {len(CORPUS_KINDS)} labels and {len(pairs)} logs: {compute_macro_f1(pairs):.3f}")


def to_label(failure: FailureSummary | None, label: str) -> str:
    """Return the corpus's label for a failure. A kind that no label has is right where the label names no cause."""
    kind = failure.kind if failure else None
    found = next((name for name, kinds in CORPUS_KINDS.items() if kind in kinds), None)
    if found:
        return found
    return label if failure and label in ANY_ERROR else str(kind)


def compute_macro_f1(pairs: Sequence[tuple[str, str, str]]) -> float:
    """Return the mean of the labels' F1: the harmonic mean of precision and recall."""
    right = Counter(label for label, answer, _ in pairs if label == answer)
    given, present = Counter(answer for _, answer, _ in pairs), Counter(label for label, *_ in pairs)
    return fmean(2 * right[label] / (given[label] + present[label]) for label in present)
