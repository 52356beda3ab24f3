"""A person of a playground, as a program acts as one: types, clicks, reads, and waits without polling."""

import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx

Json = dict[str, Any]

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""A playground speaks plain HTTP on loopback; to read the certificates of the world takes longer than a command."""


class Timeout(AssertionError):
    """What was waited for has not come; the message holds what was there instead."""


class PlaygroundClient:
    """The control API of a playground."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"{address}/control/", timeout=70, trust_env=False, verify=NO_AUTHORITIES)
        self.address = address

    def get(self, what: str, **query: Any) -> Json:
        answer = self._http.get(what, params={key: value for key, value in query.items() if value is not None})
        answer.raise_for_status()
        return dict(answer.json())

    def post(self, what: str, **asked: Any) -> Json:
        answer = self._http.post(what, json=asked)
        if answer.status_code == 400:
            raise LookupError(answer.json()["error"])
        answer.raise_for_status()
        return dict(answer.json())

    def transcript(self, user: str, channel: str) -> str:
        return self._http.get("transcript", params={"user": user, "channel": channel}).text

    def record(self, kind: str | None = None) -> list[Json]:
        return [entry for entry in self.get("record")["entries"] if kind in (None, entry["kind"])]

    def faults(self, *faults: Json) -> None:
        """These troubles from now on; none given ends them."""
        self.post("faults", faults=list(faults))

    def wait_until(self, found: Callable[[], Any], seconds: float, what: Callable[[], str]) -> Any:
        """The first true result of `found`, asked again after each change in the workspace.

        Raises:
            Timeout: none came in time; `what` tells what was there.
        """
        deadline = time.monotonic() + seconds
        version = 0
        while True:
            if result := found():
                return result
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout(what())
            version = self.get("wait", after=version, seconds=min(left, 20))["version"]

    def close(self) -> None:
        self._http.close()


class Person:
    """One person in one channel.

    Args:
        user, channel: Slack's ids.
        window: of the browser in which the person acts, where there is more than one.
    """

    def __init__(
        self, playground: PlaygroundClient, user: str = "U0ANA", channel: str = "C0TRAIN", window: str = ""
    ) -> None:
        self._playground = playground
        self.user = user
        self.channel = channel
        self._acting = {"user": user, "window": window}

    def says(self, text: str, thread_ts: str | None = None) -> Json:
        """Type a line, a command where it begins with a slash."""
        return self._playground.post("type", **self._acting, channel=self.channel, text=text, thread_ts=thread_ts)

    def clicks(self, action_id: str, ts: str, confirmed: bool = False) -> Json:
        """Press a button of a message; a question that it asks first is the answer unless `confirmed`."""
        return self.acts({"channel": self.channel, "ts": ts}, action_id, confirmed=confirmed)

    def acts(self, where: Json, action_id: str, chosen: Json | None = None, **more: Any) -> Json:
        """Press a button or choose something, in the message `{channel, ts}` or the view `{view}`."""
        asked = {"where": where, "action_id": action_id, "chosen": chosen, **more}
        return self._playground.post("act", **self._acting, **asked)

    def submits(self, values: Json) -> Json:
        """Send the form in front, with what is filled in by block and action."""
        return self._playground.post("submit", **self._acting, values=values)

    def closes(self) -> Json:
        """Dismiss the modal in front."""
        return self._playground.post("close", **self._acting)

    def opens_home(self, tab: str = "home") -> Json:
        """Open the app's page; the direct message that belongs to it."""
        return self._playground.post("home", user=self.user, tab=tab)

    def reacts(self, ts: str, name: str) -> Json:
        """Add one's reaction, or take it back."""
        return self._playground.post("react", user=self.user, channel=self.channel, ts=ts, name=name)

    def looks(self) -> Json:
        """All that this person sees."""
        return self._playground.get("look", **self._acting)

    def messages(self) -> list[Json]:
        return list(self._playground.get("messages", user=self.user, channel=self.channel)["messages"])

    def reads(self) -> str:
        """The channel as text, threads included."""
        return self._playground.transcript(self.user, self.channel)

    def can_see(self, text: str, seconds: float = 20) -> str:
        """Wait until the channel holds the text; the channel then."""

        def found() -> str:
            there = self.reads()
            return there if text in there else ""

        return str(self._playground.wait_until(found, seconds, lambda: f"{text!r} is not in:\n{self.reads()}"))

    def sees_message(self, matches: Callable[[Json], bool], seconds: float = 20) -> Json:
        """Wait for a message; the first that matches."""

        def found() -> Json | None:
            return next((message for message in self.messages() if matches(message)), None)

        return dict(self._playground.wait_until(found, seconds, lambda: f"no such message in:\n{self.reads()}"))
