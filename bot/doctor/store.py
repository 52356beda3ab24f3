"""Judgement of the store's answers."""

from bot.adapters.vitals import StoreDiagnosis
from bot.doctor.finding import DoctorFinding, failure, ok, skip, warning
from bot.errors import Unavailable

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
        advice = "Start it, mend REDIS_URL, or leave REDIS_URL empty for the embedded store."
    return failure(STORE, f"nothing that can be used at {place}: {error}", advice)


def judge_disk(answer: StoreDiagnosis) -> DoctorFinding:
    """Judge whether the store writes each record to its disk."""
    if answer.appendonly:
        at_once = answer.fsync == "always"
        return ok(DISK, "each wish is on it " + ("before it is answered" if at_once else "within about a second"))
    if answer.snapshots:
        return warning(
            DISK, f"a copy now and then (save {answer.snapshots}); what came since is lost in a crash", APPEND_ADVICE
        )
    if answer.snapshots is None:
        return warning(DISK, "no append-only file, and it does not say whether it saves", APPEND_ADVICE)
    return failure(DISK, "nothing is written to it: a restart of the store forgets every run", APPEND_ADVICE)


def judge_memory(answer: StoreDiagnosis) -> DoctorFinding:
    """Judge whether the store drops records when its memory is full."""
    if answer.eviction_policy in ("noeviction", ""):
        limit = f", {answer.memory_limit_bytes / 2**20:.0f} MB" if answer.memory_limit_bytes else ", without a limit"
        return ok(MEMORY, f"drops nothing ({answer.eviction_policy or 'it does not say'}{limit})")
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
