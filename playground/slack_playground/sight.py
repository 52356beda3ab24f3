"""All that one person may see of a workspace, as a page draws it."""

from collections.abc import Iterable, Sequence

import msgspec

from slack_playground import views
from slack_playground.elements import with_current
from slack_playground.slack import Slack
from slack_playground.workspace import Channel, File, Json, View


def sight(slack: Slack, user: str, connections: int, guide: Sequence[Json], window: str = "") -> Json:
    """What stands in front of a person.

    Args:
        connections: of the app; without any it is away.
        guide: what the program that runs the playground proposes to do in it.
        window: the window of the person's browser, whose modal is shown.
    """
    workspace = slack.workspace
    rooms = [one for one in workspace.channels.values() if user in one.members]
    messages = [message for room in rooms for message in workspace.seen_by(user, room.id)]
    return {
        "version": slack.version,
        "connections": connections,
        "team": {"id": workspace.team, "name": "playground"},
        "bot": workspace.bot,
        "users": [
            {"id": one.id, "name": one.name, "real_name": one.real_name, "is_bot": one.is_bot, "tz": one.tz}
            for one in workspace.users.values()
        ],
        "channels": [channel(room) for room in rooms],
        "messages": msgspec.to_builtins(sorted(messages, key=lambda message: float(message.ts))),
        "files": files(
            workspace.files[file] for message in messages for file in message.all_files if file in workspace.files
        ),
        "modal": view(slack, views.top(slack, user, window)),
        "home": view(slack, workspace.homes.get(user)),
        "commands": [
            {"command": one.command, "description": one.description, "usage_hint": one.usage_hint}
            for one in (slack.app.commands or {}).values()
        ],
        "guide": list(guide),
    }


def channel(room: Channel) -> Json:
    return dict(msgspec.to_builtins(room)) | {"between": room.between or None}


def view(slack: Slack, found: View | None) -> Json | None:
    if found is None:
        return None
    body = views.rendered(slack, found)
    return {"id": found.id, "body": body | {"blocks": with_current(body["blocks"], found.channel)}}


def files(found: Iterable[File]) -> Json:
    """Files by their ids, each with the address where this server shows it."""
    return {
        file.id: {
            "id": file.id,
            "name": file.name,
            "title": file.title,
            "mimetype": file.mimetype,
            "size": len(file.content),
            "url": f"/files/{file.id}",
        }
        for file in found
    }
