"""The other methods: who one is, people, files, reactions, modals, App Home."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from slack_playground import views
from slack_playground.checks import Refusal, check_blocks, check_content, check_view
from slack_playground.method import Call, Invalid, Table, in_sight, into, to_write
from slack_playground.workspace import File, Json, View

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
        "bot_id": views.BOT_ID,
    }


@method("apps.connections.open", "app")
def apps_connections_open(call: Call) -> Json:
    return {"url": f"{call.slack.address.replace('http', 'ws', 1)}/link/{call.deliveries.new_ticket()}"}


@method("users.info", "users:read")
def users_info(call: Call) -> Json:
    user = call.slack.workspace.users.get(call.needed("user"))
    if user is None:
        raise Refusal("user_not_found")
    offset = datetime.fromtimestamp(call.slack.now(), ZoneInfo(user.tz)).utcoffset() or timedelta()
    found = {
        "id": user.id,
        "team_id": user.team or call.slack.workspace.team,
        "name": user.name,
        "real_name": user.real_name,
        "is_bot": user.is_bot,
        "deleted": user.is_deleted,
        "is_restricted": user.is_guest,
        "is_ultra_restricted": user.is_in_one_channel,
        "is_stranger": bool(user.team),
        "tz": user.tz,
        "tz_offset": int(offset.total_seconds()),
        "profile": {"real_name": user.real_name, "display_name": user.name},
    }
    return {"user": found | ({"locale": user.locale} if call.flag("include_locale") else {})}


@method("usergroups.users.list", "usergroups:read")
def usergroups_users_list(call: Call) -> Json:
    people = call.slack.workspace.groups.get(call.needed("usergroup"))
    if people is None:
        raise Refusal("no_such_subteam")
    return {"users": people}


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
        thread = call.text("thread_ts") or None
        if thread and call.slack.workspace.find(channel.id, thread) is None:
            raise Refusal("thread_not_found")
        call.slack.post(
            channel.id,
            call.slack.workspace.bot,
            call.text("initial_comment"),
            thread_ts=thread,
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
    react(call, "already_reacted", is_there=False)
    return {}


@method("reactions.remove", "reactions:write")
def reactions_remove(call: Call) -> Json:
    react(call, "no_reaction", is_there=True)
    return {}


def react(call: Call, otherwise: str, is_there: bool) -> None:
    """Turn the bot's reaction over, where it is there or is not."""
    channel, bot = in_sight(call, call.needed("channel")), call.slack.workspace.bot
    if bot not in channel.members:
        raise Refusal("not_in_channel")
    message, name = call.slack.workspace.find(channel.id, call.needed("timestamp")), call.needed("name")
    if message is None or message.only_for:
        raise Refusal("message_not_found")
    if (bot in message.reactions.get(name, [])) is not is_there:
        raise Refusal(otherwise)
    message.react(bot, name)
    call.slack.touch()


@method("views.open")
def views_open(call: Call) -> Json:
    body = check_view(call.arguments.get("view"), "modal")
    trigger = call.deliveries.use_trigger(call.needed("trigger_id"))
    return shown(call, views.open_modal(call.slack, trigger.user, body, trigger.channel, trigger.window))


@method("views.push")
def views_push(call: Call) -> Json:
    body = check_view(call.arguments.get("view"), "modal")
    trigger = call.deliveries.use_trigger(call.needed("trigger_id"))
    return shown(call, views.push(call.slack, trigger.user, body, trigger.window))


@method("views.update")
def views_update(call: Call) -> Json:
    named = [name for name in ("view_id", "external_id") if call.text(name)]
    if len(named) != 1:
        raise Refusal("invalid_arguments", ["[ERROR] exactly one of view_id and external_id is needed"])
    wanted = call.text(named[0])
    for view in views.every(call.slack):
        if wanted == (view.id if named == ["view_id"] else view.body.get("external_id")):
            check_hash(call, view)
            body = check_view(call.arguments.get("view"), view.body["type"])
            return shown(call, views.replace_body(call.slack, view, body))
    raise Refusal("not_found")


@method("views.publish")
def views_publish(call: Call) -> Json:
    if not call.slack.app.home_tab:
        raise Refusal("not_enabled")
    user = call.needed("user_id")
    if user not in call.slack.workspace.users:
        raise Refusal("invalid_arguments", ["invalid `user_id`"])
    check_hash(call, call.slack.workspace.homes.get(user))
    return shown(call, views.publish(call.slack, user, check_view(call.arguments.get("view"), "home")))


def check_hash(call: Call, view: View | None) -> None:
    """Where the app says which state of a view it has seen, the view is still in that one."""
    if call.text("hash") and (view is None or call.text("hash") != view.hash):
        raise Refusal("hash_conflict")


def shown(call: Call, view: View) -> Json:
    return {"view": views.rendered(call.slack, view)}


@method("blocks.validate")
def blocks_validate(call: Call) -> Json:
    """Slack's own word on blocks, a message or a view, without doing anything."""
    given = [name for name in ("blocks", "message", "view") if name in call.arguments]
    if len(given) != 1:
        raise Refusal("invalid_arguments", ["[ERROR] exactly one of blocks, message and view is needed"])
    what = call.arguments[given[0]]
    try:
        match given[0]:
            case "blocks":
                check_blocks(what)
            case "view":
                check_view(what, "modal", "home")
            case _:
                check_content(what if isinstance(what, dict) else {})
    except Refusal as refusal:
        raise Invalid(f"invalid_{given[0]}", refusal.messages or [refusal.code]) from refusal
    return {}
