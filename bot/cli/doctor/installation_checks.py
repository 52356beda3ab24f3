"""Checks of this installation: the machine, the store, the recipes and the files that settings name."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bot.adapters.host_diagnostics import DataFolderDiagnosis
from bot.adapters.redis.store_diagnostics import StoreDiagnosis
from bot.bootstrap.policy_source import summarize_policy
from bot.cli.doctor.checklist import DoctorFinding, failure, join_names, ok, skip, warning
from bot.config.operation_settings import OPEN_PORT_HINT, OPEN_PORT_PROBLEM
from bot.core.model.launch_plan import find_missing_secrets
from bot.core.model.policy import Policy
from bot.core.model.recipe import Recipe
from bot.errors import Unavailable, UserError

DATA_DIRECTORY, BOT, ADMIN_POLICY, COMPUTE = "data directory", "bot", "admin policy", "SkyPilot"

FREE_WARNING_MEGABYTES, FREE_FAILURE_MEGABYTES = 1000, 100
"""Free megabytes of its disk, below which the folder gets a warning or a failure. The embedded store and the logs of
local runs grow there."""


def judge_folder(path: str, folder: DataFolderDiagnosis, used_percent: float, warning_percent: float) -> DoctorFinding:
    """Judge whether the data directory is writable and has room.

    Args:
        used_percent: of its disk; warning_percent: from which that is a warning.
    """
    if folder.error:
        return failure(
            DATA_DIRECTORY, f"{path}: {folder.error}", "Set VERLBOT_DATA_DIR to a folder that this user may write to."
        )
    free = folder.free_bytes / 1e6
    shown = f"{path}, {free / 1000:.1f} GB free, {used_percent:.0f}% used" + (
        "" if folder.exists else "; it will be made"
    )
    advice = "Make room, or set VERLBOT_DATA_DIR to a folder of another disk."
    if free < FREE_FAILURE_MEGABYTES:
        return failure(DATA_DIRECTORY, shown, advice)
    if free < FREE_WARNING_MEGABYTES or used_percent >= warning_percent:
        return warning(DATA_DIRECTORY, shown, advice)
    return ok(DATA_DIRECTORY, shown)


def judge_bot(path: str, bot_runs: bool, age_seconds: float | None, longest_seconds: float) -> DoctorFinding:
    """Judge whether the bot of this data directory ticks, if one runs."""
    if not bot_runs:
        return skip(BOT, f"no bot is running on {path}")
    if age_seconds is None:
        return warning(
            BOT,
            "runs, and has not ticked yet",
            "Run `verlbot doctor` again in a minute; the bot's log says what it waits for.",
        )
    if age_seconds > longest_seconds:
        when = "before this machine was started" if math.isinf(age_seconds) else f"{age_seconds:.0f} s ago"
        return failure(BOT, f"runs, and last ticked {when}", "Read its log, and restart it.")
    return ok(BOT, f"runs; it last ticked {age_seconds:.0f} s ago")


def judge_local_compute(refusal: str, hint: str, user: str, problem: str) -> DoctorFinding:
    """Judge whether runs may be processes of this machine.

    Args:
        refusal: why they may not; user: the user of their processes, empty for the bot's own.
        problem: why they run as the bot's user though that is root.
    """
    if refusal:
        return failure(COMPUTE, refusal, hint)
    whose = f"of the user {user}" if user else "of the bot's own user, which can read its store"
    shown = f"not used: runs are processes of this machine (VERLBOT_COMPUTE), {whose}"
    return ok(COMPUTE, f"{shown}. {problem}" if problem else shown)


def judge_admin_policy(
    address: str, bot_runs: bool, answer: bool | Unavailable, uses_skypilot: bool, is_open: bool = False
) -> DoctorFinding:
    """Judge whether SkyPilot would get an answer; whether it makes the request, only SkyPilot's server knows.

    Args:
        is_open: whether other machines reach the port, and no secret is set.
    """
    if is_open:
        return failure(ADMIN_POLICY, OPEN_PORT_PROBLEM, OPEN_PORT_HINT)
    if not uses_skypilot:
        return warning(
            ADMIN_POLICY,
            "SkyPilot does not run the machines, so no server calls this port",
            "Unset VERLBOT_ADMIN_POLICY_PORT.",
        )
    if not bot_runs:
        return skip(
            ADMIN_POLICY, "no bot is running; until one is, SkyPilot refuses every launch if its config names this port"
        )
    if isinstance(answer, Unavailable) or not answer:
        why = str(answer) if isinstance(answer, Unavailable) else "another program answers"
        return failure(
            ADMIN_POLICY, f"{address}: {why}", "Restart the bot, or set VERLBOT_ADMIN_POLICY_PORT to a free port."
        )
    return ok(
        ADMIN_POLICY,
        f"answers at {address}/…; `verlbot admin-policy` prints the `admin_policy` line for SkyPilot's server",
    )


STORE, DISK, MEMORY, WRITES = "store", "store's disk", "store's memory", "store's writes"

PASSWORD_ERRORS = ("NOAUTH", "WRONGPASS", "Authentication required", "invalid username-password", "invalid password")
"""Words of a server that requires another password."""

APPEND_ADVICE = "Run it with `--appendonly yes --appendfsync always`, as docker-compose.yml does."


def judge_store(answer: StoreDiagnosis | Unavailable, place: str) -> tuple[DoctorFinding, ...]:
    """Judge whether the store can be used, and how it keeps the records.

    Args:
        place: its address, without a password.
    """
    if isinstance(answer, Unavailable):
        return (
            unreachable_finding(answer, place),
            *(skip(subject, "the store does not answer") for subject in (DISK, MEMORY, WRITES)),
        )
    return ok(STORE, f"{answer.name} at {place}"), judge_disk(answer), judge_memory(answer), judge_writes(answer)


def unreachable_finding(error: Unavailable, place: str) -> DoctorFinding:
    """Return a finding that the store cannot be used."""
    if any(word in str(error) for word in PASSWORD_ERRORS):
        advice = "Put its password into REDIS_URL: redis://:PASSWORD@HOST:6379/0."
    else:
        advice = "Start it, correct REDIS_URL, or leave REDIS_URL empty for the embedded store."
    return failure(STORE, f"no usable store at {place}: {error}", advice)


def judge_disk(answer: StoreDiagnosis) -> DoctorFinding:
    """Judge whether the store writes each record to its disk."""
    if answer.appendonly:
        at_once = answer.fsync == "always"
        return ok(
            DISK, "every write is flushed to disk " + ("before it is answered" if at_once else "within about a second")
        )
    if answer.snapshots:
        return warning(
            DISK,
            f"only snapshots (save {answer.snapshots}); a crash loses all writes since the last one",
            APPEND_ADVICE,
        )
    if answer.snapshots is None:
        return warning(DISK, "no append-only file, and it does not say whether it saves", APPEND_ADVICE)
    return failure(DISK, "nothing is written to it: a restart of the store forgets every run", APPEND_ADVICE)


def judge_memory(answer: StoreDiagnosis) -> DoctorFinding:
    """Judge whether the store drops records when its memory is full."""
    if answer.eviction_policy in ("noeviction", ""):
        limit = f", {answer.memory_limit_bytes / 2**20:.0f} MB" if answer.memory_limit_bytes else ", without a limit"
        return ok(MEMORY, f"never evicts keys ({answer.eviction_policy or 'it does not say'}{limit})")
    advice = "Run it with `--maxmemory-policy noeviction`, or CONFIG SET it so."
    if answer.memory_limit_bytes:
        return failure(
            MEMORY,
            f"drops records when it is full ({answer.eviction_policy}), and so forgets runs that cost money",
            advice,
        )
    return warning(MEMORY, f"would drop records ({answer.eviction_policy}) if it had a limit", advice)


def judge_writes(answer: StoreDiagnosis) -> DoctorFinding:
    """Judge whether the store accepts writes."""
    if answer.write_error:
        return failure(
            WRITES,
            f"refused: {answer.write_error}",
            "Set REDIS_URL to a primary whose user may write keys of `verl:*`.",
        )
    return ok(WRITES, "a key written, read and removed")


RECIPES, SECRETS = "recipes", "recipes' secrets"


def judge_recipes(problems: Mapping[str, Sequence[str]], folder: str) -> DoctorFinding:
    """Judge whether the recipes are valid.

    Args:
        problems: of each recipe, what is wrong with it.
    """
    if not problems:
        return failure(RECIPES, f"none in {folder}", "Set VERLBOT_RECIPES_DIR to a folder with files NAME.yaml.")
    broken = {name: why for name, why in problems.items() if why}
    if broken:
        problem_list = "; ".join(f"`{name}`: {' '.join(why)}" for name, why in broken.items())
        return failure(
            RECIPES,
            f"{len(broken)} of {len(problems)} are not valid: {problem_list}",
            f"Correct them until `verlbot recipes check {folder}` finds nothing.",
        )
    return ok(RECIPES, f"all valid: {join_names(sorted(problems))}")


def judge_secrets(recipes: Sequence[Recipe], secret_names: Collection[str]) -> DoctorFinding:
    """Judge whether the secrets of the recipes are set.

    Args:
        known: names of the environment's variables that are no settings.
    """
    if not recipes:
        return skip(SECRETS, "no recipe is valid")
    lacking = {recipe.name: find_missing_secrets(recipe.task, secret_names) for recipe in recipes}
    needed = sorted({name for names in lacking.values() for name in names})
    if needed:
        affected = join_names([f"`{recipe}`" for recipe, names in lacking.items() if names])
        return failure(
            SECRETS,
            f"{join_names(needed)} not set, and {affected} cannot be launched until then",
            f"Set {join_names(needed)} in the bot's environment.",
        )
    secrets = {name for recipe in recipes for name in recipe.task.get("secrets") or {}}
    there, absent = sorted(secrets & set(secret_names)), sorted(secrets - set(secret_names))
    parts = [f"{join_names(there)} set"] if there else []
    parts += [f"{join_names(absent)} not set (optional)"] if absent else []
    return ok(SECRETS, "; ".join(parts) or "they need none")


POLICY, FINDINGS_FILE, PRICES_FILE = "policy", "findings file", "prices file"


def judge_policy(path: Path | None, policy: Policy | UserError) -> DoctorFinding:
    """Judge the policy that applies: that of a file, or the safe defaults."""
    if isinstance(policy, UserError):
        return failure(POLICY, policy.sentence, f"Correct the file, then run `verlbot policy check {path}`.")
    rules = "; ".join(summarize_policy(policy))
    if path is None:
        return ok(POLICY, f"no VERLBOT_POLICY, so the safe defaults hold: {rules}. `verlbot policy init` prints a file")
    return ok(POLICY, f"{path}: {rules}")


def judge_file(name: str, path: Path, problem: UserError | None) -> DoctorFinding:
    """Judge a file that is either readable or not."""
    return failure(name, problem.message, problem.hint) if problem else ok(name, f"{path} can be used")
