"""Methods `chat.*` and `conversations.*`: what is said, where, and what has been."""

from bot.playground.checks import Refusal, check_message, check_metadata
from bot.playground.method import Call, Missing, Table, into, to_write
from bot.playground.workspace import Channel, Json, Message

PAGE = 100
"""Messages of one page, unless a call says otherwise."""

METHODS: Table = {}
method = into(METHODS)


def to_read(call: Call, channel_id: str) -> Channel:
    """The channel, where the bot may read its history."""
    workspace = call.slack.workspace
    channel = workspace.channels.get(channel_id)
    if channel is None or (channel.is_private and workspace.bot not in channel.members):
        raise Refusal("channel_not_found")
    if workspace.bot not in channel.members:
        raise Refusal("not_in_channel")
    kind = "im" if channel.between else "groups" if channel.is_private else "channels"
    scope = f"{kind}:history"
    if scope not in call.slack.scopes:
        raise Missing(scope)
    return channel


def content(call: Call) -> Json:
    """Text, blocks and metadata of a message, checked."""
    text, blocks = call.text("text"), call.arguments.get("blocks") or []
    check_message(text, blocks)
    check_metadata(call.arguments.get("metadata"))
    return {"text": text, "blocks": blocks, "metadata": call.arguments.get("metadata")}


def rendered(message: Message, metadata: bool = False) -> Json:
    """A message as the API returns it."""
    found: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "blocks": message.blocks,
    }
    found |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
    found |= {"subtype": "thread_broadcast"} if message.broadcast else {}
    found |= {"edited": {"user": message.user, "ts": message.ts}} if message.edited else {}
    found |= {"metadata": message.metadata} if metadata and message.metadata else {}
    return found


@method("chat.postMessage", "chat:write")
def chat_post_message(call: Call) -> Json:
    channel = to_write(call, call.needed("channel"))
    more = content(call)
    thread = call.text("thread_ts") or None
    if thread and call.slack.workspace.find(channel.id, thread) is None:
        raise Refusal("thread_not_found")
    broadcast = bool(thread) and call.flag("reply_broadcast")
    message = call.slack.post(channel.id, call.slack.workspace.bot, **more, thread_ts=thread, broadcast=broadcast)
    return {"channel": channel.id, "ts": message.ts, "message": rendered(message, metadata=True)}


@method("chat.update", "chat:write")
def chat_update(call: Call) -> Json:
    channel = to_write(call, call.needed("channel"))
    message = own_message(call, channel)
    more = content(call)
    message.metadata = more["metadata"] or message.metadata
    call.slack.rewrite(message, more["text"], more["blocks"])
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": rendered(message)}


@method("chat.delete", "chat:write")
def chat_delete(call: Call) -> Json:
    channel = to_write(call, call.needed("channel"))
    message = own_message(call, channel)
    call.slack.workspace.remove(message)
    call.slack.touch()
    return {"channel": channel.id, "ts": message.ts}


def own_message(call: Call, channel: Channel) -> Message:
    message = call.slack.workspace.find(channel.id, call.needed("ts"))
    if message is None or message.only_for:
        raise Refusal("message_not_found")
    if message.user != call.slack.workspace.bot:
        raise Refusal("cant_update_message")
    return message


@method("chat.postEphemeral", "chat:write")
def chat_post_ephemeral(call: Call) -> Json:
    channel, user = to_write(call, call.needed("channel")), call.needed("user")
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    more = content(call)
    thread = call.text("thread_ts") or None
    message = call.slack.post(channel.id, call.slack.workspace.bot, **more, thread_ts=thread, only_for=user)
    return {"message_ts": message.ts}


@method("chat.getPermalink")
def chat_get_permalink(call: Call) -> Json:
    channel, ts = call.needed("channel"), call.needed("message_ts")
    if call.slack.workspace.find(channel, ts) is None:
        raise Refusal("message_not_found")
    return {"channel": channel, "permalink": f"{call.slack.address}/archives/{channel}/p{ts.replace('.', '')}"}


@method("conversations.history")
def conversations_history(call: Call) -> Json:
    channel = to_read(call, call.needed("channel"))
    oldest, latest = float(call.text("oldest", "0")), float(call.text("latest", "inf"))
    found = [one for one in call.slack.workspace.history(channel.id) if oldest < float(one.ts) < latest]
    return page(call, found)


@method("conversations.replies")
def conversations_replies(call: Call) -> Json:
    channel = to_read(call, call.needed("channel"))
    if call.slack.workspace.find(channel.id, call.needed("ts")) is None:
        raise Refusal("thread_not_found")
    return page(call, list(call.slack.workspace.replies(channel.id, call.text("ts"))))


def page(call: Call, found: list[Message]) -> Json:
    """A page of messages with the cursor of the next."""
    limit, start = int(call.text("limit", str(PAGE))), int(call.text("cursor", "0"))
    metadata = call.flag("include_all_metadata")
    more = start + limit < len(found)
    return {
        "messages": [rendered(message, metadata) for message in found[start : start + limit]],
        "has_more": more,
        "response_metadata": {"next_cursor": str(start + limit) if more else ""},
    }


@method("conversations.open", "chat:write")
def conversations_open(call: Call) -> Json:
    user = call.needed("users")
    if user not in call.slack.workspace.users:
        raise Refusal("user_not_found")
    return {"channel": {"id": call.slack.workspace.direct(user).id}}


@method("conversations.info", "channels:read")
def conversations_info(call: Call) -> Json:
    channel = call.slack.workspace.channels.get(call.needed("channel"))
    if channel is None:
        raise Refusal("channel_not_found")
    is_member = call.slack.workspace.bot in channel.members
    return {
        "channel": {
            "id": channel.id,
            "name": channel.name,
            "is_private": channel.is_private,
            "is_archived": channel.is_archived,
            "is_member": is_member,
        }
    }
