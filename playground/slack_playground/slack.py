"""The state of the server: a workspace, an app's rights, and everybody who waits for a change."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slack_playground.elements import with_ids, with_ids_in_attachments
from slack_playground.faults import Faults
from slack_playground.manifest import SCOPES, App
from slack_playground.record import Record
from slack_playground.workspace import Json, Message, View, Workspace, load, save, seeded

BOT_TOKEN, APP_TOKEN, SIGNING_SECRET = "xoxb-playground", "xapp-playground", "playground-signing-secret"
"""Of a server on loopback that guards nothing: written here so that a demo needs no set-up."""

SAVE_SECONDS = 0.2
"""Between two savings of the workspace."""


@dataclass(slots=True)
class Slack:
    """What all parts of the server share. Used in the server's event loop alone.

    Attributes:
        address: where the server is, such as `http://127.0.0.1:8765`.
        app: what its manifest lets the app do.
        scopes: what it was given when it was installed.
        request_url: where an app in HTTP mode takes all its deliveries, in place of what its manifest says.
        modals: in front of each person in each window (`views.stack_key`), the topmost last. They do not outlive a
            restart.
        file: where the workspace is kept, or None for nowhere.
        version: grows with every change that a person could see.
        over: whether the server is going.
    """

    workspace: Workspace
    address: str = ""
    request_url: str = ""
    file: Path | None = None
    app: App = field(default_factory=App)
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    modals: dict[str, list[View]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    record: Record = field(default_factory=Record)
    version: int = 0
    over: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _save: asyncio.TimerHandle | None = None
    _waking: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def open(cls, file: Path | None, app: App) -> "Slack":
        return cls(workspace=load(file) if file else seeded(), file=file, app=app, scopes=set(app.scopes))

    def now(self) -> float:
        return time.time()

    def rights_of(self, token: str) -> dict[str, str]:
        """The header in which Slack says what a token may do; none for one that it does not know."""
        known = {BOT_TOKEN: sorted(self.scopes), APP_TOKEN: ["connections:write"]}
        return {"X-OAuth-Scopes": ",".join(known[token])} if token in known else {}

    def touch(self) -> None:
        """Something has changed: tell those who wait, and save soon."""
        self.version += 1
        self._wake()
        if self.file and self._save is None:
            self._save = asyncio.get_running_loop().call_later(SAVE_SECONDS, self.save)

    def _wake(self) -> None:
        task = asyncio.get_running_loop().create_task(self._tell())
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    def save(self) -> None:
        self._save = None
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            save(self.workspace, self.file)

    async def wait(self, after: int, seconds: float) -> int:
        """The version, once it is another than `after`, as it is after a restart too, or when the time is over."""
        async with self.changed:
            try:
                await asyncio.wait_for(self.changed.wait_for(lambda: self.over or self.version != after), seconds)
            except TimeoutError:
                return self.version
        return self.version

    def end_waits(self) -> None:
        """Waiting calls return: the server stops."""
        self.over = True
        self._wake()

    async def _tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def post(self, channel: str, user: str, text: str, **more: Any) -> Message:
        """A new message, seen from now on."""
        with_ids(more.get("blocks") or [])
        with_ids_in_attachments(more.get("attachments") or [])
        ts = self.workspace.next_ts(self.now())
        message = self.workspace.add(Message(ts=ts, channel=channel, user=user, text=text, **more))
        self.touch()
        return message

    def rewrite(self, message: Message, said: Json) -> None:
        """Another text, blocks and attachments in place of a message's."""
        message.text, message.blocks = said["text"], with_ids(said["blocks"])
        message.attachments = with_ids_in_attachments(said["attachments"])
        message.edited = True
        self.touch()
