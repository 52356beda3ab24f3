"""The other methods: who one is, people, files, reactions, modals, App Home."""

from bot.playground.checks import MESSAGE_BLOCKS, VIEW_BLOCKS, Refusal, check_blocks
from bot.playground.method import Call, Table, into, to_write
from bot.playground.workspace import File, Json, View

METHODS: Table = {}
method = into(METHODS)


@method("api.test")
def api_test(call: Call) -> Json:
    return {"args": call.arguments}


@method("auth.test")
def auth_test(call: Call) -> Json:
    workspace = call.slack.workspace
    return {
        "url": f"{call.slack.address}/",
        "team": "playground",
        "team_id": workspace.team,
        "user": "verlbot",
        "user_id": workspace.bot,
        "bot_id": "B0VERLBOT",
    }


@method("apps.connections.open", "app")
def apps_connections_open(call: Call) -> Json:
    return {"url": f"{call.slack.address.replace('http', 'ws', 1)}/link/{call.deliveries.new_ticket()}"}


@method("users.info", "users:read")
def users_info(call: Call) -> Json:
    user = call.slack.workspace.users.get(call.needed("user"))
    if user is None:
        raise Refusal("user_not_found")
    return {"user": {"id": user.id, "name": user.name, "is_bot": user.is_bot, "tz": "Etc/UTC"}}


@method("files.getUploadURLExternal", "files:write")
def files_get_upload_url(call: Call) -> Json:
    name = call.needed("filename")
    file = File(call.slack.workspace.next_id("F"), name, name, call.slack.workspace.bot)
    call.slack.workspace.files[file.id] = file
    return {"file_id": file.id, "upload_url": f"{call.slack.address}/upload/{file.id}"}


@method("files.completeUploadExternal", "files:write")
def files_complete_upload(call: Call) -> Json:
    files = [shared(call, entry) for entry in call.arguments.get("files") or []]
    if call.text("channel_id"):
        channel = to_write(call, call.text("channel_id"))
        if call.slack.workspace.bot not in channel.members:  # chat:write.public is for messages alone
            raise Refusal("not_in_channel")
        call.slack.post(
            channel.id,
            call.slack.workspace.bot,
            call.text("initial_comment"),
            thread_ts=call.text("thread_ts") or None,
            files=[file.id for file in files],
        )
    link = f"{call.slack.address}/files/"
    return {"files": [{"id": file.id, "title": file.title, "permalink": link + file.id} for file in files]}


def shared(call: Call, entry: Json) -> File:
    file = call.slack.workspace.files.get(str(entry.get("id")))
    if file is None:
        raise Refusal("file_not_found")
    file.title, file.shared = str(entry.get("title") or file.name), True
    return file


@method("reactions.add", "reactions:write")
def reactions_add(call: Call) -> Json:
    message = call.slack.workspace.find(call.needed("channel"), call.needed("timestamp"))
    if message is None:
        raise Refusal("message_not_found")
    people = message.reactions.setdefault(call.needed("name"), [])
    if call.slack.workspace.bot in people:
        raise Refusal("already_reacted")
    people.append(call.slack.workspace.bot)
    call.slack.touch()
    return {}


@method("views.open")
def views_open(call: Call) -> Json:
    user = call.deliveries.use_trigger(call.needed("trigger_id"))
    view = View(call.slack.workspace.next_id("V"), user, checked_view(call))
    call.slack.workspace.modals[user] = view
    call.slack.touch()
    return {"view": {"id": view.id} | view.body}


@method("views.update")
def views_update(call: Call) -> Json:
    for view in call.slack.workspace.modals.values():
        if view.id == call.needed("view_id"):
            view.body = checked_view(call)
            call.slack.touch()
            return {"view": {"id": view.id} | view.body}
    raise Refusal("not_found")


@method("views.publish")
def views_publish(call: Call) -> Json:
    user = call.needed("user_id")
    view = View(call.slack.workspace.next_id("V"), user, checked_view(call))
    call.slack.workspace.homes[user] = view
    call.slack.touch()
    return {"view": {"id": view.id} | view.body}


def checked_view(call: Call) -> Json:
    view = call.arguments.get("view")
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        raise Refusal("invalid_arguments", ["[ERROR] missing required field: view"])
    check_blocks(view.get("blocks") or [], VIEW_BLOCKS)
    if view["type"] == "modal" and not 1 <= len((view.get("title") or {}).get("text") or "") <= 24:
        raise Refusal("invalid_arguments", ["[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"])
    return view


@method("blocks.validate")
def blocks_validate(call: Call) -> Json:
    check_blocks(call.arguments.get("blocks"), MESSAGE_BLOCKS)
    return {}
