"""This machine judged: the folder of data, and the bot that may run on it."""

from bot.adapters.vitals import Folder
from bot.doctor.finding import Finding, failure, ok, skipped, warning

FOLDER, BOT = "data directory", "bot"

FREE_WARNING_MEGABYTES, FREE_FAILURE_MEGABYTES = 1000, 100
"""Of its disk. The embedded store and the logs of local runs grow there."""


def judge_folder(path: str, found: Folder) -> Finding:
    if found.error:
        return failure(
            FOLDER, f"{path}: {found.error}", "Set VERLBOT_DATA_DIR to a folder that this user may write to."
        )
    free = found.free_bytes / 1e6
    shown = f"{path}, {free / 1000:.1f} GB free" + ("" if found.exists else "; it will be made")
    advice = "Make room, or set VERLBOT_DATA_DIR to a folder of another disk."
    if free < FREE_FAILURE_MEGABYTES:
        return failure(FOLDER, shown, advice)
    if free < FREE_WARNING_MEGABYTES:
        return warning(FOLDER, shown, advice)
    return ok(FOLDER, shown)


def judge_bot(path: str, taken: bool, age_seconds: float | None, longest_seconds: float) -> Finding:
    """Whether the bot of this data directory ticks, if one runs."""
    if not taken:
        return skipped(BOT, f"none runs on {path} now")
    if age_seconds is None:
        return warning(BOT, "runs, and has not ticked yet", "Ask again in a minute; its log says what it waits for.")
    if age_seconds > longest_seconds:
        return failure(BOT, f"runs, and last ticked {age_seconds:.0f} s ago", "Read its log, and restart it.")
    return ok(BOT, f"runs; it last ticked {age_seconds:.0f} s ago")
