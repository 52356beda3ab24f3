"""`verlbot backup` and `verlbot restore`: all that the bot has recorded, into one file and back."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis

from bot import __version__
from bot.adapters.redis.connection import check_connection, create_client
from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.store_backup import (
    count_keys,
    find_leader,
    iterate_entries,
    read_header,
    renew_identity,
    restore_entries,
    write_backup,
)
from bot.app.process_health import lock_data_dir, prepare
from bot.config.settings import Settings
from bot.errors import Unavailable, UserError

ANSWER_SECONDS = 120.0
"""Maximum seconds for one answer of the store: all of it is read, or written, in one step."""


def backup(settings: Settings, path: Path) -> int:
    """Write a backup of the settings' store, beside a running bot or without one; return 0."""
    with open_store(settings) as redis:
        keys = write_backup(redis, path, __version__)
    print(f"{path}: {keys} keys, {path.stat().st_size:,} bytes. Anyone who can read it reads your runs.")
    return 0


def restore(settings: Settings, path: Path, replace: bool) -> int:
    """Make the settings' store what a backup holds; return 0.

    Raises:
        UserError: the file is no backup that this version reads; or a bot is running on the store, or the store has
            records and may not be replaced. The store is unchanged then.
    """
    header = read_header(path)
    prepare(settings.data_dir)
    with closing(lock_data_dir(settings.data_dir)), open_store(settings) as redis:
        if settings.redis_url and (leader := find_leader(redis)):
            raise UserError(
                f"A bot is running on this database: {leader.split()[0][:8]}….",
                f"Stop all bots, wait {settings.leader_lease_seconds:.0f} seconds, and type it again.",
            )
        if existing := count_keys(redis):
            if not replace:
                raise UserError(
                    f"The database has records already: {existing} keys.",
                    "To replace them, add --replace: verlbot writes a backup of them first.",
                )
            replaced = path.with_name(f"{path.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S}")
            write_backup(redis, replaced, __version__)
            print(f"{replaced}: what was in the database until now, {existing} keys.")
        count = restore_entries(redis, renew_identity(iterate_entries(path), datetime.now(UTC)))
    written_at = datetime.fromtimestamp(header.created_at, UTC)
    print(f"Restored {count} keys as of {written_at:%Y-%m-%d %H:%M:%S} UTC. Start the bot: verlbot run")
    return 0


@contextmanager
def open_store(settings: Settings) -> Iterator[Redis]:
    """Yield a client of the settings' store. An embedded one is started for this command if it does not run.

    Raises:
        UserError: the store does not answer.
    """
    try:
        if settings.redis_url:
            with create_client(settings.redis_url, ANSWER_SECONDS) as client:
                check_connection(client)
                yield client
            return
        valkey = EmbeddedValkey(settings.data_dir / "store", ANSWER_SECONDS)
        try:
            yield valkey.start()
        finally:
            if valkey.has_started:
                valkey.stop()
    except Unavailable as error:
        raise UserError(f"{error} ({error.__cause__})", "Start the database, or correct REDIS_URL.") from error
