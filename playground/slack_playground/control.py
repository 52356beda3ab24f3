"""The control API: how a page, a terminal or a test acts as people, looks, waits, and asks for faults."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from slack_playground.deliveries import Deliveries
from slack_playground.faults import Fault
from slack_playground.interactions import Interactions
from slack_playground.people import People
from slack_playground.sight import sight
from slack_playground.slack import Slack
from slack_playground.transcript import transcript
from slack_playground.workspace import Json, NotThere

LONGEST_WAIT_SECONDS = 60.0


class Control:
    """Routes under `/control`.

    They act on the workspace without any token, so they answer only to what comes from this machine
    and not from a page of another origin, which cannot send JSON here.
    """

    def __init__(self, slack: Slack, deliveries: Deliveries, guide: Sequence[Json]) -> None:
        self._slack = slack
        self._deliveries = deliveries
        self._guide = guide
        self._people = People(slack, deliveries)
        self._interactions = Interactions(slack, deliveries)

    def routes(self) -> list[Route]:
        posts = {
            "type": self.type,
            "act": self.act,
            "submit": self.submit,
            "close": self.close,
            "home": self.home,
            "react": self.react,
            "faults": self.faults,
            "link": self.link,
            "channel": self.channel,
            "repeat": self.repeat,
        }
        gets = {
            "look": self.look,
            "state": self.state,
            "messages": self.messages,
            "transcript": self.transcript,
            "wait": self.wait,
            "record": self.record,
        }
        return [
            *(Route(f"/control/{name}", taking_json(action), methods=["POST"]) for name, action in posts.items()),
            *(Route(f"/control/{name}", action) for name, action in gets.items()),
        ]

    async def type(self, asked: Json) -> Json:
        line = (asked["user"], asked["channel"], asked["text"], asked.get("thread_ts"))
        return await self._people.type(*line, window=asked.get("window", ""))

    async def act(self, asked: Json) -> Json:
        return await self._interactions.act(
            asked["user"],
            asked["where"],
            asked["action_id"],
            block_id=asked.get("block_id"),
            chosen=asked.get("chosen"),
            state=asked.get("state"),
            confirmed=bool(asked.get("confirmed")),
            window=asked.get("window", ""),
        )

    async def submit(self, asked: Json) -> Json:
        return await self._interactions.submit(asked["user"], asked["values"], asked.get("window", ""))

    async def close(self, asked: Json) -> Json:
        return await self._interactions.close(asked["user"], asked.get("window", ""))

    async def home(self, asked: Json) -> Json:
        return await self._people.home(asked["user"], asked["tab"])

    async def react(self, asked: Json) -> Json:
        return await self._people.react(asked["user"], asked["channel"], asked["ts"], asked["name"])

    async def faults(self, asked: Json) -> Json:
        """These troubles from now on, in place of those before."""
        self._slack.faults.asked = msgspec.convert(asked["faults"], list[Fault])
        return {}

    async def link(self, asked: Json) -> Json:
        await (self._deliveries.drop() if asked["do"] == "drop" else self._deliveries.refresh())
        return {}

    async def channel(self, asked: Json) -> Json:
        """Let the bot into a channel or out of it; archive it."""
        found = self._slack.workspace.channels[asked["channel"]]
        bot = self._slack.workspace.bot
        if "bot_is_member" in asked:
            others = [member for member in found.members if member != bot]
            found.members = [*others, bot] if asked["bot_is_member"] else others
        found.is_archived = bool(asked.get("is_archived", found.is_archived))
        self._slack.touch()
        return {}

    async def repeat(self, asked: Json) -> Json:
        """Deliver the last mention of this text again, as Slack does when an acknowledgement was lost."""
        return {"repeated": await self._people.mention_again(asked["text"])}

    async def look(self, request: Request) -> Response:
        """All that a person sees, once it is another than that after which he asks, or the time is over."""
        user, after = request.query_params["user"], request.query_params.get("after")
        if user not in self._slack.workspace.users:
            return JSONResponse({"error": f"there is no user {user}"}, status_code=400)
        if after is not None:
            await self._slack.wait(int(after), seconds_of(request))
        window = request.query_params.get("window", "")
        return JSONResponse(sight(self._slack, user, self._deliveries.connections, self._guide, window))

    async def state(self, request: Request) -> Response:
        workspace = self._slack.workspace
        return JSONResponse(
            {
                "version": self._slack.version,
                "connections": self._deliveries.connections,
                "users": msgspec.to_builtins(list(workspace.users.values())),
                "channels": msgspec.to_builtins(list(workspace.channels.values())),
                "modals": msgspec.to_builtins([view for stack in self._slack.modals.values() for view in stack]),
            }
        )

    async def messages(self, request: Request) -> Response:
        """What a person sees, of one channel or of all that he is in."""
        user, only = request.query_params["user"], request.query_params.get("channel")
        channels = [one for one in self._slack.workspace.channels.values() if user in one.members]
        found = [
            message
            for channel in channels
            if only in (None, channel.id)
            for message in self._slack.workspace.seen_by(user, channel.id)
        ]
        titles = {file.id: file.title for file in self._slack.workspace.files.values()}
        files = {file: titles.get(file, file) for message in found for file in message.files}
        return JSONResponse({"version": self._slack.version, "messages": msgspec.to_builtins(found), "files": files})

    async def transcript(self, request: Request) -> Response:
        user, channel = request.query_params["user"], request.query_params["channel"]
        return PlainTextResponse(transcript(self._slack.workspace, user, channel))

    async def wait(self, request: Request) -> Response:
        """Answer once something has changed after that version, or the time is over."""
        version = await self._slack.wait(int(request.query_params.get("after", 0)), seconds_of(request))
        return JSONResponse({"version": version})

    async def record(self, request: Request) -> Response:
        """What bot and Slack said to each other after an entry; `last` is the number of the newest."""
        entries = self._slack.record.after(int(request.query_params.get("after", 0)))
        return JSONResponse({"entries": msgspec.to_builtins(entries), "last": self._slack.record.last})


def seconds_of(request: Request) -> float:
    """How long a person wants to wait."""
    return min(float(request.query_params.get("seconds", 20)), LONGEST_WAIT_SECONDS)


def taking_json(action: Any) -> Any:
    """A route that takes a JSON body, and answers 400 where the body asks for something impossible."""

    async def route(request: Request) -> Response:
        if request.headers.get("content-type", "").split(";")[0] != "application/json":
            return JSONResponse({"error": "send JSON"}, status_code=415)
        try:
            return JSONResponse(await action(await request.json()))
        except (NotThere, KeyError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    return route
