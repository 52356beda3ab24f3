"""Who may do what: `docs/roles.md`, from the roles of the core and what the Slack app is registered for."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from bot.core.commands.parser import parse_command
from bot.core.model.people import KIND_WORDS, REQUIRED_ROLES, Act, ChannelKind, PersonKind, Role
from bot.core.model.policy import SAFE_POLICY
from bot.core.rules.access import get_act
from bot.slack.inbound import button_listeners, listeners
from bot.slack.outbound.cluster_notifier import OrphanNotifier
from bot.slack.views import card_buttons as menu
from bot.slack.views.approval_views import APPROVE, OPEN_FORM, REFUSE, RESUME, RETRY, SHOW_TASK
from bot.slack.views.card_buttons import COMPARE, MENU, SHOW_CHART, SHOW_MODEL
from bot.slack.views.card_forms import DECLINE_FORM, LIMIT_FORM
from bot.slack.views.cluster_views import ADOPT, LEAVE, REMOVE
from bot.slack.views.finding_views import MUTE
from bot.slack.views.launch_form import CONFIRM_LAUNCH, LAUNCH_FORM, PREVIEW_ACTION, RECIPE_ACTION
from bot.slack.views.limit_notices import ACCEPT_BUDGET_END, EXTEND, RAISE_BUDGET
from bot.slack.views.rescue_views import DISCARD_CHECKPOINT, KEEP_CHECKPOINT, SAVE_AND_STOP

HERE, OWN_PAGE, CHOSEN = "there", "direct", "the chosen channel"
"""Where a role counts."""

WHAT: dict[Act, str] = {
    Act.READ: "look at runs, recipes, costs and reports",
    Act.LAUNCH: "launch, retry, resume",
    Act.STOP: "end a run; its model is kept",
    Act.TUNE: "follow a log, mute a finding, set how often a run's thread gets a summary",
    Act.EXTEND: "give a run more time, keep its cluster for its model",
    Act.SET_BUDGET: "change the budget of a run",
    Act.DISCARD: "end a run and lose its model",
    Act.REPORT: "have reports sent to a channel on a schedule",
    Act.APPROVE: "approve or decline a launch that waits",
    Act.SET_MONTHLY_BUDGET: "change what may be spent a month",
    Act.MANAGE_CLUSTER: "remove, leave or adopt a cluster that no run owns",
    Act.FORGET: "delete what is kept of a run",
    Act.AUDIT: "read who did what",
}

TYPED: dict[str, bool | None] = {
    "launch": None,
    "launch RECIPE": None,
    "launch RECIPE --dry-run": None,
    "status": None,
    "status RUN": True,
    "explain RUN": True,
    "list": None,
    "list mine": None,
    "list all": None,
    "list ended": None,
    "logs RUN": True,
    "logs RUN --follow": True,
    "samples RUN": True,
    "plot RUN": True,
    "compare RUN OTHER": True,
    "compare": None,
    "stop RUN": False,
    "stop RUN save=yes": False,
    "stop RUN save=no": False,
    "artifacts RUN": True,
    "retry RUN": True,
    "resume RUN": True,
    "extend RUN 2h": False,
    "budget": None,
    "budget RUN": True,
    "budget RUN 9": False,
    "budget team": None,
    "budget team 5000": None,
    "budget workspace 5000": None,
    "budget @person": None,
    "budget @person 5000": None,
    "approve RUN": True,
    "decline RUN": True,
    "history RUN": True,
    "audit": None,
    "forget RUN": False,
    "cost": None,
    "cost RUN": False,
    "cost team": None,
    "cost month": None,
    "report": None,
    "report now": None,
    "report now runs=all": None,
    "report daily 09:00 tz=UTC": None,
    "report report-1 daily 10:00": None,
    "report off report-1": None,
    "report RUN every 20 steps": False,
    "recipes": None,
    "describe RECIPE": None,
    "language": None,
    "language zh-CN": None,
    "help": None,
    "hello": None,
}
"""Every command and option that needs another role; whether it shows a run's text, None where it is of no run."""


@dataclass(frozen=True, slots=True)
class Door:
    """A way in, beside commands.

    Attributes:
        label: what a person sees; shows_text: whether it shows a run's text, None where it is of no run.
        where: where the role counts.
    """

    label: str
    act: Act
    shows_text: bool | None
    where: str = HERE


DOORS: dict[str, Door] = {
    "action stop": Door("*Stop*", Act.STOP, False),
    f"action {SAVE_AND_STOP}": Door("*Save and stop*", Act.STOP, False),
    f"action {DISCARD_CHECKPOINT}": Door("*Delete cluster and model*", Act.DISCARD, False),
    f"action {KEEP_CHECKPOINT}": Door("*Keep* a cluster whose model cannot be downloaded", Act.EXTEND, False),
    rf"action {EXTEND}-\d+": Door("*Extend* by so many hours", Act.EXTEND, False),
    f"action {RAISE_BUDGET}": Door("*Raise to* twice a run's budget", Act.SET_BUDGET, False),
    f"action {ACCEPT_BUDGET_END}": Door("*Let it stop*, of a run at its budget", Act.TUNE, False),
    f"action {CONFIRM_LAUNCH}": Door("*Launch it*, below the question before an expensive launch", Act.LAUNCH, None),
    f"action {APPROVE}": Door("*Approve*", Act.APPROVE, True),
    f"action {REFUSE}": Door("*Decline…*, which opens a form", Act.APPROVE, True),
    f"view {DECLINE_FORM}": Door("*Decline*, of that form", Act.APPROVE, True),
    f"action {MENU} {menu.CHANGE_LEASE}": Door("*Extend…*, in the menu of a card", Act.EXTEND, False),
    f"action {MENU} {menu.CHANGE_BUDGET}": Door("*Change budget…*, in that menu", Act.SET_BUDGET, False),
    f"action {MENU} {menu.SAVE}": Door("*Save and stop*, in that menu", Act.STOP, False),
    f"action {MENU} {menu.COPY_COMMAND}": Door("*Copy command*, in that menu", Act.READ, True),
    f"action {MENU} {menu.SHOW_MODEL}": Door("*Get the model*, in that menu", Act.READ, True),
    f"view {LIMIT_FORM}": Door("*Change*, of the form of a lease or a budget", Act.EXTEND, False),
    f"action {SHOW_CHART}|{SHOW_MODEL}|{COMPARE}": Door("*Plot*, *Get the model* and *Compare*", Act.READ, True),
    f"action {MUTE}": Door("*Mute this*, of a finding", Act.TUNE, False),
    f"action {SHOW_TASK}": Door("*Show task*", Act.READ, True),
    "action logs": Door("*Logs*", Act.READ, True),
    f"action {RETRY}": Door("*Retry*", Act.LAUNCH, True),
    f"action {RESUME}": Door("*Resume from checkpoint*", Act.LAUNCH, True),
    f"action {OPEN_FORM}": Door("*Retry with changes…* and *Run again…*, which open the form", Act.LAUNCH, True),
    f"action {RECIPE_ACTION}": Door("another recipe in the form", Act.LAUNCH, None, CHOSEN),
    f"action {PREVIEW_ACTION}": Door("*Show the command and its cost* in the form", Act.LAUNCH, None, CHOSEN),
    f"view {LAUNCH_FORM}": Door("*Launch*, of the form", Act.LAUNCH, None, CHOSEN),
    f"action {REMOVE}": Door("*Delete it*, of a cluster that no run owns", Act.MANAGE_CLUSTER, None),
    f"action {LEAVE}": Door("*Keep it*, of such a cluster", Act.MANAGE_CLUSTER, None),
    f"action {ADOPT}": Door("*Adopt*, of such a cluster", Act.MANAGE_CLUSTER, None),
    "event app_home_opened": Door("the bot's own page", Act.READ, None, OWN_PAGE),
}

BY_COMMAND = {"command /verl", "event app_mention", "event message"}
"""Ways in by which every command comes."""


@dataclass(slots=True)
class Registrations:
    """Stands in for Bolt's app, and keeps what listeners are registered for."""

    found: list[str] = field(default_factory=list)

    def __getattr__(self, kind: str) -> Callable[[str | re.Pattern[str]], Callable[[object], None]]:
        def register(constraint: str | re.Pattern[str]) -> Callable[[object], None]:
            name = constraint.pattern if isinstance(constraint, re.Pattern) else constraint
            self.found.append(f"{kind} {name}")
            return lambda listener: None

        return register


class Anything:
    """Has every attribute: the listeners, where only what they are registered for is of interest."""

    def __getattr__(self, name: str) -> str:
        return name


def registrations() -> list[str]:
    """Return all that the app listens to, as `action stop`."""
    recorder: Any = Registrations()
    listeners.register_listeners(recorder, cast(Any, Anything()))
    button_listeners.register_buttons(recorder, cast(Any, Anything()))
    cast(Any, OrphanNotifier).listen(Anything(), recorder)
    return list(recorder.found)


def command_of(usage: str) -> str:
    """Return a usage with names in place of its words in capitals, such as can be parsed.

    >>> command_of("compare RUN OTHER")
    'compare smoke-0001 smoke-0002'
    """
    names = {"RUN": "smoke-0001", "OTHER": "smoke-0002", "RECIPE": "smoke", "@person": "<@U0BEN>"}
    return " ".join(names.get(word, word) for word in usage.split())


Row = tuple[str, ...]


def acts() -> Iterator[Row]:
    yield ("act", "what it is", "on anything", "on their own run")
    for act, needed in REQUIRED_ROLES.items():
        own = "never" if act is Act.APPROVE else word(needed.on_own)
        yield (f"`{act.value}`", WHAT[act], word(needed.role), own)


def typed() -> Iterator[Row]:
    yield ("command", "act", "shows a run's text")
    for usage, shows_text in TYPED.items():
        yield (f"`{usage}`", f"`{get_act(parse_command(command_of(usage))).value}`", yes_or_no(shows_text))


def pressed() -> Iterator[Row]:
    yield ("registered for", "what people see", "act", "role counts", "shows a run's text")
    for name in registrations():
        if name not in BY_COMMAND:
            for key, door in doors_of(name):
                yield (f"`{key}`", door.label, f"`{door.act.value}`", door.where, yes_or_no(door.shows_text))


def doors_of(registration: str) -> list[tuple[str, Door]]:
    """Return the ways in of a registration: one, or one for each choice of a menu."""
    found = [(key, door) for key, door in DOORS.items() if key == registration or key.startswith(f"{registration} ")]
    if not found:
        raise KeyError(registration)
    return found


def people() -> Iterator[Row]:
    yield ("who", "role without a policy file", "how to get another")
    how = {
        PersonKind.MEMBER: "`roles`, by id, by user group or as `members`",
        PersonKind.GUEST: "`roles`, by id or as `guests`; one or several channels make no difference",
        PersonKind.STRANGER: "`roles`, by id; or `member_workspaces`, which makes all people of theirs members",
        PersonKind.BOT: "none is given",
        PersonKind.DEACTIVATED: "none is given",
    }
    for kind in PersonKind:
        holder = KIND_WORDS.get(kind)
        roles = [role for role, holders in SAFE_POLICY.grants.holders_by_role.items() if holder in holders]
        yield (f"`{kind.value}`", word(max(roles, default=Role.NONE)), how[kind])


def channels() -> Iterator[Row]:
    yield ("channel", "highest role that counts")
    for kind in ChannelKind:
        yield (f"`{kind.value}`", word(SAFE_POLICY.grants.highest_by_channel.get(kind, Role.ADMIN)))


def word(role: Role) -> str:
    return f"`{role.word}`"


def yes_or_no(shows: bool | None) -> str:
    return {True: "yes", False: "no", None: "—"}[shows]


def page(table: Callable[..., str]) -> str:
    """Return the page.

    Args:
        table: makes a table of rows, the first of which is its head.
    """
    return f"""# Roles: who may do what

Made from `bot/core/model/people.py`, `bot/core/rules/access.py` and the app's own registrations by `make docs`; a test
holds the bot to every line of it (`tests/stories/test_access_table.py`).

A role is given to people in the policy file (docs/policy.md): `viewer`, `launcher`, `approver`, `admin`. Each may do
all that those before it may; all other people have none. Two roles count, and the lower one decides: the person's own,
and the highest that is allowed in the channel in which the person acts. Your own runs need less, and you may always
stop them, even without a role. You cannot approve your own launch. While Slack does not say who a person is, the bot
refuses whatever costs, ends or changes something, and says so; people may still look, and stop their own runs.

## What each act needs

{table(*acts())}

`stop_others` in the policy file changes who may stop the runs of others. A launch is also checked against bounds, caps
and approvals: docs/policy.md.

## Every command

Typed after `/verl`, or in a message that mentions the bot. Every command but `stop` needs at least `viewer` there.

{table(*typed())}

Dollars are no secret among viewers: `cost`, `budget @person` and reports show what each person, channel and run has
spent, so that a team sees whose runs use its months. Of a run in a private channel other people see no more than that
it exists and what it costs.

## Every button, form and page

A role counts *{HERE}*: in the channel of the message with the button, and for buttons of the bot's own page as in a
`direct` message; *{OWN_PAGE}*: as in a direct message, because the form and the page are in no channel. A run that is
launched again from the bot's own page needs the role in the channel of that run too, and you must be in it. The owner
of an external cluster, where `external_launches.people` in the policy names that person, needs no role for its
buttons.

{table(*pressed())}

## Who has which role, without a policy file

{table(*people())}

The bot refuses a person without a role, and names who can give one. Another app that mentions the bot gets no answer.

## Which role counts where, without a policy file

{table(*channels())}

`channels` in the policy file sets another, for a kind of channel or for one channel.

## Runs of private channels

A run's text is what it prints and what it was set to: the rows above with *yes* need it. It is shown to the owner of
the run, to people in its channel, and to admins; while the run waits for an approval also to approvers, who have to
see what they approve. Other people see in lists, in reports and on the bot's own page that the run exists, whose it
is and what it costs. The text of a run of a public channel is shown to every member of the workspace. The whole
channel reads the answer to a mention, unless it launches or forgets a run or asks for the audit, so it shows what the
whole channel may read. A report shows the text of runs of its own channel and of public channels; in a channel that is
shared with another company, of its own alone.
"""
