"""How each row of `docs/roles.md` is tried: a command typed or mentioned, a button pressed, a form sent."""

from collections.abc import Callable, Iterator, Mapping

from tests.access import BOX, KEPT, LIVE, OVER, OWNER, SECOND, WAITS, Kind, Promised, Row, Try, World

PROMISED = Promised.of_page()


def typed_as(usage: str) -> str:
    """Return a command of the page with the run that it is about.

    >>> typed_as("retry RUN"), typed_as("approve RUN")
    ('retry smoke-0002', 'approve smoke-0003')
    """
    word = usage.split(maxsplit=1)[0]
    run = {"retry": OVER, "resume": OVER, "approve": WAITS, "decline": WAITS, "forget": OVER}.get(word, LIVE)
    names = {"RUN": run, "OTHER": SECOND, "RECIPE": "smoke", "@person": f"<@{OWNER}>"}
    return " ".join(names.get(one, one) for one in usage.split())


def button(action: str, value: Callable[[World], str], page: bool = False) -> Try:
    def press(world: World, kind: Kind, channel: str) -> str:
        where = {"view": {"type": "home"}} if page else world.in_channel(kind, channel)
        return world.presses(kind, {"type": "button", "action_id": action, "value": value(world)}, where)

    return press


def fixed(value: str) -> Callable[[World], str]:
    return lambda _: value


def extension(world: World) -> str:
    end = world.bot.run(LIVE).lease_ends_at
    assert end
    return f"{LIVE} 1 {end.timestamp():.0f}"


def raising(world: World) -> str:
    budget = world.bot.run(LIVE).limits.budget_dollars
    return f"{LIVE} {budget!r} {budget + 0.5!r}"


def accepting(world: World) -> str:
    return f"{LIVE} {world.bot.run(LIVE).limits.budget_dollars!r}"


def keeping(world: World) -> str:
    until = world.bot.run(KEPT).checkpoint_rescue.deadline
    assert until
    return f"{KEPT} {until.timestamp():.0f}"


def in_form(action: Mapping[str, object]) -> Try:
    return lambda world, kind, channel: world.presses(kind, dict(action), {"view": world.form_in(kind, channel)})


def chosen(value: str) -> Try:
    action = {"type": "overflow", "action_id": "card_menu", "selected_option": {"value": value}}
    return lambda world, kind, channel: world.presses(kind, action, world.in_channel(kind, channel))


def in_card_form(word: str, run: str, value: str) -> Try:
    """Send a form of a card, as it was opened in the channel."""

    def submit(world: World, kind: Kind, channel: str) -> str:
        return world.submits(kind, world.card_form_in(channel, word, run, value))

    return submit


CHOOSES = {"type": "static_select", "action_id": "form_recipe", "selected_option": {"value": "smoke"}}

TRIES: dict[str, tuple[Try, ...]] = {
    "action stop": (button("stop", fixed(LIVE)),),
    "action save_and_stop": (button("save_and_stop", fixed(LIVE)),),
    "action lose_model": (button("lose_model", fixed(KEPT)),),
    "action keep_model": (button("keep_model", keeping),),
    r"action extend-\d+": (button("extend-1", extension),),
    "action raise_budget": (button("raise_budget", raising),),
    "action accept_budget_end": (button("accept_budget_end", accepting),),
    "action launch-sure": (button("launch-sure", fixed("launch smoke")),),
    "action approve": (button("approve", fixed(WAITS)),),
    "action refuse": (button("refuse", fixed(WAITS)),),
    "view decline_form": (in_card_form("decline", WAITS, "no"),),
    "action card_menu extend": (chosen(f"extend {LIVE}"),),
    "action card_menu budget": (chosen(f"budget {LIVE}"),),
    "action card_menu save": (chosen(f"save {LIVE}"),),
    "action card_menu copy": (chosen(f"copy {LIVE}"),),
    "action card_menu artifacts": (chosen(f"artifacts {LIVE}"),),
    "view limit_form": (in_card_form("extend", LIVE, "1h"), in_card_form("budget", LIVE, "9")),
    "action plot|artifacts|compare": (
        button("plot", fixed(LIVE)),
        button("artifacts", fixed(LIVE)),
        button("compare", fixed(f"{LIVE} {SECOND}")),
    ),
    "action mute": (button("mute", fixed(f"{LIVE} not-a-number")),),
    "action task": (button("task", fixed(LIVE)),),
    "action logs": (button("logs", fixed(LIVE)),),
    "action retry": (button("retry", fixed(OVER)),),
    "action resume": (button("resume", fixed(OVER)),),
    "action form": (button("form", fixed(OVER)),),
    "action form_recipe": (in_form(CHOOSES),),
    "action form_preview": (in_form({"type": "button", "action_id": "form_preview", "value": "smoke"}),),
    "view launch_form": (lambda world, kind, channel: world.submits(kind, world.form_in(kind, channel)),),
    "action remove_orphan": (button("remove_orphan", fixed(BOX)),),
    "action leave_orphan": (button("leave_orphan", fixed(BOX)),),
    "action adopt_orphan": (button("adopt_orphan", fixed(f"{BOX} 0")),),
    "event app_home_opened": (lambda world, kind, channel: world.opens_page(kind),),
}
"""Each registration of the page, but for those by which commands come."""


def rows(mention: bool) -> Iterator[tuple[Row, tuple[Try, ...]]]:
    """Yield each row with how it is tried; commands alone where they are mentioned and not typed."""
    for usage, row in PROMISED.commands.items():
        yield row, (by_mention(typed_as(usage)) if mention else by_command(typed_as(usage)),)
    if not mention:
        for name, row in PROMISED.doors.items():
            yield row, TRIES[name]


def by_command(line: str) -> Try:
    return lambda world, kind, channel: world.types(kind, line, channel)


def by_mention(line: str) -> Try:
    return lambda world, kind, channel: world.mentions(kind, line, channel)
