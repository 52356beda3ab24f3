"""Judgement of the store's answers."""

from bot.adapters.vitals import Store
from bot.doctor.finding import Finding, failure, ok, skipped, warning
from bot.errors import Unavailable

STORE, DISK, MEMORY, WRITES = "store", "store's disk", "store's memory", "store's writes"

PASSWORD = ("NOAUTH", "WRONGPASS", "Authentication required", "invalid username-password", "invalid password")
"""Words of a server that requires another password."""

APPEND = "Run it with `--appendonly yes --appendfsync always`, as docker-compose.yml does."


def judge_store(found: Store | Unavailable, place: str) -> tuple[Finding, ...]:
    """Judge whether the store can be used, and how it keeps the records.

    Args:
        place: its address, without a password.
    """
    if isinstance(found, Unavailable):
        return (
            unreachable(found, place),
            *(skipped(subject, "the store does not answer") for subject in (DISK, MEMORY, WRITES)),
        )
    return ok(STORE, f"{found.name} at {place}"), judge_disk(found), judge_memory(found), judge_writes(found)


def unreachable(error: Unavailable, place: str) -> Finding:
    """Return a finding that the store cannot be used."""
    if any(word in str(error) for word in PASSWORD):
        advice = "Put its password into REDIS_URL: redis://:PASSWORD@HOST:6379/0."
    else:
        advice = "Start it, mend REDIS_URL, or leave REDIS_URL empty for the embedded store."
    return failure(STORE, f"nothing that can be used at {place}: {error}", advice)


def judge_disk(found: Store) -> Finding:
    """Judge whether the store writes each record to its disk."""
    if found.appendonly:
        at_once = found.fsync == "always"
        return ok(DISK, "each wish is on it " + ("before it is answered" if at_once else "within about a second"))
    if found.snapshots:
        return warning(
            DISK, f"a copy now and then (save {found.snapshots}); what came since is lost in a crash", APPEND
        )
    if found.snapshots is None:
        return warning(DISK, "no append-only file, and it does not say whether it saves", APPEND)
    return failure(DISK, "nothing is written to it: a restart of the store forgets every run", APPEND)


def judge_memory(found: Store) -> Finding:
    """Judge whether the store drops records when its memory is full."""
    if found.policy in ("noeviction", ""):
        limit = f", {found.limit_bytes / 2**20:.0f} MB" if found.limit_bytes else ", without a limit"
        return ok(MEMORY, f"drops nothing ({found.policy or 'it does not say'}{limit})")
    advice = "Run it with `--maxmemory-policy noeviction`, or CONFIG SET it so."
    if found.limit_bytes:
        return failure(
            MEMORY, f"drops records when it is full ({found.policy}), and so forgets runs that cost money", advice
        )
    return warning(MEMORY, f"would drop records ({found.policy}) if it had a limit", advice)


def judge_writes(found: Store) -> Finding:
    """Judge whether the store accepts writes."""
    if found.refusal:
        return failure(
            WRITES, f"refused: {found.refusal}", "Set REDIS_URL to a primary whose user may write keys of `verl:*`."
        )
    return ok(WRITES, "a key written, read and removed")
