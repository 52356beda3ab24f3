"""The page about the architecture: its picture is drawn from the imports of the code itself."""

import grimp

ROOMS = (
    "bot.cli",
    "bot.bootstrap",
    "bot.slack.inbound",
    "bot.slack.outbound",
    "bot.slack.views",
    "bot.app",
    "bot.adapters.redis",
    "bot.adapters.sky",
    "bot.adapters.local",
    "bot.adapters.files",
    "bot.adapters.charts",
    "bot.adapters.prometheus",
    "bot.adapters.opentelemetry",
    "bot.runtime",
    "bot.core.rules",
    "bot.core.frameworks",
    "bot.core.commands",
    "bot.core.model",
    "bot.core.masking",
)
"""The packages that the picture shows, from the outside in. `errors`, `i18n`, `config` and single modules are left
out: nearly everything imports them."""

RINGS = {
    "the command": ("bot.cli", "bot.bootstrap"),
    "Slack": ("bot.slack.inbound", "bot.slack.outbound", "bot.slack.views"),
    "use cases and loops": ("bot.app",),
    "adapters": tuple(room for room in ROOMS if room.startswith("bot.adapters.")),
    "the running process": ("bot.runtime",),
    "the pure core": tuple(room for room in ROOMS if room.startswith("bot.core.")),
}


def page() -> str:
    """Return the page."""
    return f"""# Architecture

verlbot is four rings. Each imports only from those within it; import-linter holds that, by the contracts in
`pyproject.toml`.

{picture()}

An arrow means *imports*; one that follows from others is left out. The picture is made from the code's imports by
`make docs`.

- **The pure core** has data with its transitions (`model`), what may be typed (`commands`) and decisions (`rules`). It
  does no input or output and has no clock; time, ids and observations are arguments. All that
  knows verl is in `frameworks/verl`: its metric keys, its log's grammar, its checkpoints' layout, its detectors with
  advice in its option names. The rest speaks of steps, rewards, validations and checkpoints. It reads verl's part as
  the one `Framework` (`model/training_framework.py`) that `frameworks` exports as `FRAMEWORK`, and what decides gets it
  as an argument; the adapters that list and download checkpoints import `frameworks/verl/checkpoint_files.py`.
  `tests/core/frameworks/test_toy_framework.py` shows it with another.
- **Text is a value** (`bot/phrase.py`): a sentence of the bot's own is a `Phrase`, its English key and what fills it,
  until a view or the command line renders it in the reader's language (`bot/i18n.py`). So `decide` answers the same
  under any language, and a reason that a record keeps is read by each reader in the reader's own.
- **The running process** (`runtime`) has what each ring needs of it: the masking filter, the isolation of failures, the
  origin of a request.
- **Adapters** translate between the core's words and one thing outside, and decide nothing. Each library has one home
  here.
- **Use cases and loops** (`app`) record what people request, and make it so as time passes. What they need of the
  adapters is in small protocols: `store_ports.py` has one for each thing that is kept, `ports.py` one for each thing
  that is called. A class names the smallest that it needs; the one store has all of the first, the one cloud four of
  the second.
- **Slack**: `inbound` takes deliveries in, `outbound` compares the messages that should be there with those that were
  sent, `views` has every word and block, as pure functions.
- **The command** (`cli`, `bootstrap`) puts the parts together. Only it knows the adapters. `bootstrap/outside.py` opens
  what the settings name: the store, the machines, Slack, the clock. `bootstrap/container.py` puts a bot on that, and it
  puts the same bot on the doubles of a story (`tests/story.py`).

The [playground](../playground/README.md), a Slack-like server, is a package beside the bot and knows nothing of it.

**People record requests; time makes them so; only the tick talks to the cloud and writes a run's status.** A listener
writes a request into the run's record and answers. The tick observes every active run, decides what to do about each,
does it, and records what changed. The notifiers compare the records with the messages in Slack and send what is
missing. None of these waits for another; each may die at any point, and begins again from the records alone.

## A launch

1. Slack delivers `/verl launch ppo nodes=2`. `slack/inbound/socket_mode.py` stores the delivery through
   `slack/inbound/delivery_queue.py` before it acknowledges it; `slack/inbound/listeners.py` takes it from there.
2. `core/commands/parser.py` makes a command of the line, by the table in `core/commands/specs.py`. What is wrong with
   it is refused with a hint what to type instead.
3. `app/run_service.py` asks `core/rules/access.py` whether the person may, builds a plan
   (`core/model/launch_plan.py`), checks it against the bounds (`core/rules/launch_bounds.py`), the caps and budgets
   (`core/rules/admission.py`), and records the run together with its reservation, in one transaction of
   `adapters/redis/redis_store.py`.
4. `app/reconciler.py` finds the run at its next tick. `core/rules/decide.py` answers with the action to provision
   (`core/rules/actions.py`; `apply_action.py` beside it changes the record);
   `adapters/sky/sky_cloud.py` launches through SkyPilot, in a child process with a deadline. The cluster's name is made
   of the run's id, so that a launch that was cut off is found again and not repeated.
5. `slack/outbound/run_notifier.py` finds that the run has no card, posts it, and edits it from then on.

## A line of a log

1. `app/log_tailer.py` reads the end of the log of every running job through the cloud's port, and
   `app/metrics_file.py` what is new in its file of metrics, if its recipe names one.
   `bootstrap/masked_cloud.py` has masked it by then: no secret that a program prints gets further.
2. `core/rules/log_cursor.py` finds what is new since the last look; `core/frameworks/verl/log_parser.py` makes events
   of the lines: the metrics of a step, a checkpoint, the number of steps. `core/rules/metrics_merge.py` lets a step
   that the file shows too count once.
3. `core/model/progress.py` and `core/model/history.py` take them in; `core/rules/health/judge.py` lets the detectors
   judge the new steps; they are a table in `core/frameworks/verl/detectors/__init__.py`. The record and the history are
   written in one transaction.
4. The card shows the step and the reward at its next edit (`slack/views/progress_views.py`); a finding is a reply in
   the thread (`slack/views/finding_views.py`).

## A budget

1. A recipe or `budget=40` gives a run its budget; the policy gives monthly budgets to people, channels and the
   workspace (`core/model/policy.py`, read by `adapters/files/policy_files.py`).
2. At the launch, `core/rules/admission.py` reserves the run's budget in the ledger (`core/model/ledger.py`,
   `adapters/redis/ledger_store.py`): what is reserved cannot be spent twice.
3. The price of the machines comes from SkyPilot or from the team's price table (`core/model/resources.py`), and is
   recorded with its source. `core/rules/costs.py` and `core/rules/forecast.py` reckon what the run has cost and will
   cost.
4. `core/rules/decide.py` ends a run whose budget is spent; `app/cost_service.py` warns when a monthly budget is nearly
   so, by `core/rules/monthly_budget.py`. The words are in `slack/views/limit_notices.py` and
   `slack/views/budget_views.py`.
5. When the cluster is confirmed gone, the reservation is replaced by what was really spent.

## What is there once, and why

Of each of these it was asked whether two mechanisms do the same. Where they did, one was removed
([changelog](../CHANGELOG.md)).

- **The demo's terminal** stays beside its page. The page needs npm's registry and a browser; the terminal needs
  neither, and a script reads from it, and from the exit code, how the runs ended.
- **A team's own findings** are rules in a YAML file. Code of other packages is not loaded: it would run within the
  tick, without a deadline, beside the bot's tokens.
- **Turns among people** are taken in `slack/inbound/fair_queue.py`, for deliveries and for slow questions. What is
  around it does other things: `InteractivePriority` makes the tick pause for people, the two queues of `WorkQueue`
  serve what Slack waits for before what is acknowledged, the `Inbox` keeps what is acknowledged over a crash.
- **Caps** are one table of three scopes and four measures, read by one rule: a cell costs a phrase, and a table with
  holes would cost branches. The file sets a cap for all channels or for one; `/verl budget` changes the dollars of a
  month alone, because only they run out while runs go on, and an approver must be able to give more within minutes.
- **A setting** bounds money, disks, ports or memory, fits the bot to a slow cloud or a small server, or is shortened by
  the tests and the demo. What no person had to change is a constant beside what it bounds.

The words are in the [glossary](glossary.md).
"""


def picture() -> str:
    """Return a diagram of the packages and their imports, in Mermaid's notation."""
    graph = grimp.build_graph("bot")
    lines = ["```mermaid", "flowchart TD"]
    for number, (title, rooms) in enumerate(RINGS.items()):
        lines.append(f'  subgraph ring{number}["{title}"]')
        for room in rooms:
            count = sum(name.startswith(f"{room}.") for name in graph.modules)
            lines.append(f'    {key(room)}["{room.removeprefix("bot.")}<br/>{count} modules"]')
        lines.append("  end")
    for importer, imported in sorted(reduce_arrows(list_imports(graph))):
        lines.append(f"  {key(importer)} --> {key(imported)}")
    return "\n".join([*lines, "```"])


def list_imports(graph: grimp.ImportGraph) -> set[tuple[str, str]]:
    """Return the pairs of packages of which one imports the other."""
    modules = {room: graph.find_descendants(room) | {room} for room in ROOMS}
    return {
        (importer, imported)
        for importer in ROOMS
        for imported in ROOMS
        if importer != imported
        and any(graph.find_modules_directly_imported_by(name) & modules[imported] for name in modules[importer])
    }


def reduce_arrows(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the arrows that do not follow from two or more others.

    >>> sorted(reduce_arrows({("a", "b"), ("b", "c"), ("a", "c")}))
    [('a', 'b'), ('b', 'c')]
    """
    return {
        (begin, end)
        for begin, end in arrows
        if not any(leads(middle, end, arrows) for start, middle in arrows if start == begin and middle != end)
    }


def leads(begin: str, end: str, arrows: set[tuple[str, str]]) -> bool:
    """Return whether arrows lead from one package to another; there are no circles."""
    return any(middle == end or leads(middle, end, arrows) for start, middle in arrows if start == begin)


def key(room: str) -> str:
    """Return the diagram's own name of a package."""
    return room.replace(".", "_")
