"""Launches that wait for a host of Git: stored before Slack gets an answer, so that a crash loses none."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Protocol

from bot.app.launch_planner import LaunchPlanner
from bot.app.ports import Now
from bot.app.run_queries import Requester
from bot.app.store_ports import DeliveryStore, NoticeStore
from bot.core.commands.command import Launch
from bot.core.model.code_version import MAX_HOST_SECONDS
from bot.core.model.people import Actor
from bot.core.model.run import Run
from bot.core.model.sent_message import Notice
from bot.errors import BeingStopped, Unavailable, UserError
from bot.phrase import N_, Phrase, Text

log = logging.getLogger(__name__)

LAUNCH = "launch"
"""The entry that tells a stored launch from a stored delivery."""

RESUME_AFTER = timedelta(seconds=3 * MAX_HOST_SECONDS)
"""Age from which a launch counts as lost by its process: by then the host has answered, or has been given up."""

MAX_LAUNCH_AGE = timedelta(minutes=15)
"""Age from which a launch is given up: the person has typed it again by then."""

NOT_LAUNCHED = N_("I restarted while I was preparing your launch of `{recipe}`, and could not launch it: {why}")
TOO_OLD = N_("it is more than 15 minutes old. Type it again.")


class PendingLaunchStore(DeliveryStore, NoticeStore, Protocol):
    """The launches, and the notices about those that fail."""


@dataclass(frozen=True, slots=True)
class PendingLaunches:
    """Launches that were accepted, and are not recorded as runs yet.

    Attributes:
        launch_planner: checks a commit. launch: records a run, once for each delivery.
        find_actor: returns who a person is now, by the ids of the person, the workspace and the channel.
    """

    store: PendingLaunchStore
    now: Now
    launch_planner: LaunchPlanner
    launch: Callable[[Launch, Requester], Run]
    find_actor: Callable[[str, str, str], Actor]
    is_leader: Callable[[], bool]

    def add(self, launch: Launch, caller: Requester) -> Requester:
        """Store a launch. Return the requester with the id that makes it one run, however often it is tried."""
        caller = caller if caller.delivery_id else replace(caller, delivery_id=f"launch {token_hex(8)}")
        entry = {
            "kept_at": self.now().timestamp(),
            LAUNCH: {"recipe": launch.recipe, "parameters": launch.parameters, "overrides": launch.overrides},
            "caller": [caller.user, caller.channel, caller.delivery_id, caller.permanent],
            # What an older bot reads of it on the same store: a delivery that no listener takes.
            "request": {"type": LAUNCH, "envelope_id": name_entry(caller), "payload": {}},
        }
        self.store.save_delivery(name_entry(caller), json.dumps(entry))
        return caller

    def record_run(self, launch: Launch, caller: Requester) -> Run:
        """Record a stored launch as a run, and forget it; it stays stored where the bot ends meanwhile.

        Not for listeners, because it waits for the repository's host.

        Raises:
            UserError: the repository, the branch or the commit cannot be seen, or the launch is refused.
            Unavailable: the host does not answer.
            BeingStopped: the bot ends.
        """
        try:
            self.launch_planner.check_commit(launch, caller)
            run = self.launch(launch, caller)
        except BeingStopped:
            raise
        except Exception:
            self.complete(caller)
            raise
        self.complete(caller)
        return run

    def complete(self, caller: Requester) -> None:
        """Forget a launch that is recorded as a run, or was refused."""
        try:
            self.store.delete_delivery(name_entry(caller))
        except Unavailable as error:
            log.warning("%s: a launch will be tried again, which finds the same run", error)

    def resume_lost(self) -> timedelta | None:
        """Launch what a process that has died left, and report to the person what could not be launched."""
        if not self.is_leader():
            return None
        for entry in map(json.loads, self.store.list_deliveries()):
            age = self.now() - datetime.fromtimestamp(entry["kept_at"], UTC)
            if LAUNCH in entry and age >= RESUME_AFTER:
                self._resume(entry, age)
        return None

    def _resume(self, entry: dict[str, Any], age: timedelta) -> None:
        """Launch one of them; where its host or Slack does not answer, it is tried again."""
        user, channel, delivery_id, permanent = entry["caller"]
        fields = entry[LAUNCH]
        launch = Launch(fields["recipe"], tuple(map(tuple, fields["parameters"])), tuple(fields["overrides"]))
        caller = Requester(user, channel, self.find_actor(user, "", channel), delivery_id, permanent)
        try:
            if age >= MAX_LAUNCH_AGE:
                raise UserError(Phrase(TOO_OLD))
            if not caller.actor.is_known:
                raise Unavailable(caller.actor.trouble)
            self.launch_planner.check_commit(launch, caller)
            run = self.launch(launch, caller)
            log.info("run %s: launched, though the bot died while it was being prepared", run.id)
        except BeingStopped:
            return
        except Unavailable as error:
            log.warning("a launch of %s waits: %s", user, error)
            return
        except UserError as error:
            self._notify(caller, launch, error.sentence)
        self.complete(caller)

    def _notify(self, caller: Requester, launch: Launch, why: Text) -> None:
        """Send the person a notice why nothing was launched."""
        text = Phrase(NOT_LAUNCHED, recipe=launch.recipe, why=why)
        key = name_entry(caller)
        self.store.add_notice(Notice(key=key, channel=caller.user, text=text, created_at=self.now()))


def name_entry(caller: Requester) -> str:
    """Return the key of a stored launch."""
    return f"{LAUNCH} {caller.delivery_id}"
