"""Methods `chat.*` and `conversations.*`: what is said, where, and what has been."""

from slack_playground.checks import EDITED_TEXT, Refusal, check_content, check_metadata, shortened
from slack_playground.method import Call, Table, in_sight, into, to_change, to_write
from slack_playground.workspace import Channel, Json, Message

PAGE = 100
"""Messages of one page, unless a call says otherwise."""

METHODS: Table = {}
method = into(METHODS)


def to_read(call: Call, channel_id: str) -> Channel:
    """The channel, where the bot may read its history."""
    channel = in_sight(call, channel_id, "history")
    if call.slack.workspace.bot not in channel.members:
        raise Refusal("not_in_channel")
    return channel


def content(call: Call) -> Json:
    """Text, blocks, attachments and metadata of a message, checked."""
    metadata = call.arguments.get("metadata")
    check_metadata(metadata)
    found = check_content(call.arguments)
    check_pictures(call, found["blocks"], "invalid_blocks", "/blocks")
    for at, one in enumerate(found["attachments"]):
        check_pictures(call, one.get("blocks") or [], "invalid_attachments", f"/attachments/{at}/blocks")
    return found | {"metadata": metadata or None}


def check_pictures(call: Call, blocks: list[Json], code: str, where: str) -> None:
    """A picture of Slack's own is a file that is there, whole, and a picture."""
    problems = []
    for at, block in enumerate(blocks):
        file = call.slack.workspace.files.get(str(block.get("slack_file", {}).get("id")))
        if "slack_file" in block and not (file and file.shared and file.mimetype.startswith("image/")):
            problems.append(("invalid slack file", f"{where}/{at}/slack_file"))
    if problems:
        raise Refusal.over(code, problems)


def warned(warnings: list[str]) -> Json:
    """What an answer says beside its result."""
    return {"response_metadata": {"messages": warnings, "warnings": ["message_truncated"]}} if warnings else {}


def rendered(message: Message, metadata: bool = False) -> Json:
    """A message as the API returns it."""
    found: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "blocks": message.blocks,
    }
    found |= {"attachments": message.attachments} if message.attachments else {}
    found |= {"thread_ts": message.thread_ts} if message.thread_ts else {}
    found |= {"subtype": "thread_broadcast"} if message.broadcast else {}
    found |= {"edited": {"user": message.user, "ts": message.ts}} if message.edited else {}
    found |= {"metadata": message.metadata} if metadata and message.metadata else {}
    return found


@method("chat.postMessage", "chat:write")
def chat_post_message(call: Call) -> Json:
    channel = to_write(call, call.needed("channel"))
    more = content(call)
    more["text"], warnings = shortened(more["text"])
    thread = thread_there(call, channel)
    broadcast = bool(thread) and call.flag("reply_broadcast")
    message = call.slack.post(channel.id, call.slack.workspace.bot, **more, thread_ts=thread, broadcast=broadcast)
    return {"channel": channel.id, "ts": message.ts, "message": rendered(message, True)} | warned(warnings)


def thread_there(call: Call, channel: Channel) -> str | None:
    """The thread that a message belongs to. A reply to a message that is gone stands in the channel, as in Slack."""
    thread = call.text("thread_ts") or None
    return thread if thread and call.slack.workspace.find(channel.id, thread) else None


@method("chat.update", "chat:write")
def chat_update(call: Call) -> Json:
    channel = to_change(call, call.needed("channel"))
    message = own_message(call, channel)
    more = content(call)
    if len(more["text"]) > EDITED_TEXT:
        raise Refusal("msg_too_long")
    if call.arguments.get("metadata") is not None:  # an empty one takes away what is there
        message.metadata = more["metadata"]
    call.slack.rewrite(message, more)
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
    if call.slack.workspace.bot not in channel.members:  # chat:write.public is for messages that all see
        raise Refusal("not_in_channel")
    if user not in channel.members:
        raise Refusal("user_not_in_channel")
    more = content(call)
    more["text"], warnings = shortened(more["text"])
    thread = thread_there(call, channel)
    message = call.slack.post(channel.id, call.slack.workspace.bot, **more, thread_ts=thread, only_for=user)
    return {"message_ts": message.ts} | warned(warnings)


@method("chat.getPermalink")
def chat_get_permalink(call: Call) -> Json:
    channel, ts = in_sight(call, call.needed("channel")).id, call.needed("message_ts")
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


@method("conversations.open", "im:write")
def conversations_open(call: Call) -> Json:
    user = call.needed("users")
    if user not in call.slack.workspace.users:
        raise Refusal("user_not_found")
    return {"channel": {"id": call.slack.workspace.direct(user).id}}


@method("conversations.info")
def conversations_info(call: Call) -> Json:
    return {"channel": described(call, in_sight(call, call.needed("channel"), "read"))}


@method("conversations.members")
def conversations_members(call: Call) -> Json:
    channel = in_sight(call, call.needed("channel"), "read")
    limit, start = int(call.text("limit", str(PAGE))), int(call.text("cursor", "0"))
    more = start + limit < len(channel.members)
    return {
        "members": channel.members[start : start + limit],
        "response_metadata": {"next_cursor": str(start + limit) if more else ""},
    }


def described(call: Call, channel: Channel) -> Json:
    """A conversation as the API returns it."""
    bot = call.slack.workspace.bot
    people = {"user": next(one for one in channel.between if one != bot)} if channel.between else {"name": channel.name}
    return people | {
        "id": channel.id,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_private": channel.is_private or bool(channel.between),
        "is_archived": channel.is_archived,
        "is_shared": channel.is_shared,
        "is_ext_shared": channel.is_shared,
        "is_member": bot in channel.members,
    }
