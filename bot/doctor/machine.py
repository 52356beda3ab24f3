"""Judgement of this machine: the data directory, and the bot that may run on it."""

import math

from bot.adapters.vitals import DataFolderDiagnosis
from bot.doctor.finding import DoctorFinding, failure, ok, skip, warning
from bot.errors import Unavailable
from bot.settings import OPEN_PORT_HINT, OPEN_PORT_PROBLEM

DATA_DIRECTORY, BOT, ADMIN_POLICY, COMPUTE = "data directory", "bot", "admin policy", "SkyPilot"

FREE_WARNING_MEGABYTES, FREE_FAILURE_MEGABYTES = 1000, 100
"""Free megabytes of its disk, below which the folder gets a warning or a failure. The embedded store and the logs of
local runs grow there."""


def judge_folder(path: str, folder: DataFolderDiagnosis) -> DoctorFinding:
    """Judge whether the data directory is writable and has room."""
    if folder.error:
        return failure(
            DATA_DIRECTORY, f"{path}: {folder.error}", "Set VERLBOT_DATA_DIR to a folder that this user may write to."
        )
    free = folder.free_bytes / 1e6
    shown = f"{path}, {free / 1000:.1f} GB free" + ("" if folder.exists else "; it will be made")
    advice = "Make room, or set VERLBOT_DATA_DIR to a folder of another disk."
    if free < FREE_FAILURE_MEGABYTES:
        return failure(DATA_DIRECTORY, shown, advice)
    if free < FREE_WARNING_MEGABYTES:
        return warning(DATA_DIRECTORY, shown, advice)
    return ok(DATA_DIRECTORY, shown)


def judge_bot(path: str, bot_runs: bool, age_seconds: float | None, longest_seconds: float) -> DoctorFinding:
    """Judge whether the bot of this data directory ticks, if one runs."""
    if not bot_runs:
        return skip(BOT, f"none runs on {path} now")
    if age_seconds is None:
        return warning(BOT, "runs, and has not ticked yet", "Ask again in a minute; its log says what it waits for.")
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
            ADMIN_POLICY, "no SkyPilot runs the machines, so nobody asks", "Unset VERLBOT_ADMIN_POLICY_PORT."
        )
    if not bot_runs:
        return skip(ADMIN_POLICY, "no bot runs; while none does, SkyPilot refuses every launch if it is told to ask")
    if isinstance(answer, Unavailable) or not answer:
        why = str(answer) if isinstance(answer, Unavailable) else "somebody else answers"
        return failure(
            ADMIN_POLICY, f"{address}: {why}", "Restart the bot, or set VERLBOT_ADMIN_POLICY_PORT to a free port."
        )
    return ok(
        ADMIN_POLICY,
        f"answers at {address}/…; `verlbot admin-policy` prints the `admin_policy` line for SkyPilot's server",
    )
