"""Judgement of the answers of SkyPilot's API server."""

import re
from collections.abc import Mapping, Sequence

from bot.adapters.sky.sdk_queries import TESTED_VERSION, ServerHealth
from bot.cli.doctor.checklist import DoctorFinding, failure, join_names, ok, skip, warning
from bot.core.model.accelerators import list_accelerators
from bot.core.model.launch_plan import resources
from bot.core.model.money import Rate
from bot.core.model.recipe import Task
from bot.core.model.resources import list_resources
from bot.errors import Unavailable

SERVER, VERSION, INFRA, RECIPE_INFRA, PRICES = (
    "SkyPilot",
    "SkyPilot's version",
    "SkyPilot's infra",
    "where recipes run",
    "prices",
)

RENEWAL_ADVICE = (
    "Make a service-account token on its dashboard, and set SKYPILOT_SERVICE_ACCOUNT_TOKEN (docs/install.md)."
)
CLOUD_ALIASES = {"k8s": "kubernetes"}
"""Short names of clouds that SkyPilot accepts (sky/utils/infra_utils.py)."""


def judge_server(health: ServerHealth | Unavailable, *, has_token: bool, starts: bool) -> DoctorFinding:
    """Judge whether SkyPilot's server is healthy and accepts the token.

    Args:
        has_token: whether SKYPILOT_SERVICE_ACCOUNT_TOKEN is set.
        starts: whether the bot starts a server where none answers.
    """
    if isinstance(health, Unavailable):
        if starts:
            return skip(SERVER, "none answers yet, and the bot starts one (VERLBOT_SKY_START_SERVER)")
        return failure(
            SERVER, str(health), "Start it with `sky api start`, or set SKYPILOT_API_SERVER_ENDPOINT to where one is."
        )
    if health.code in (401, 403) or health.status == "needs_auth":
        complaint = "does not know the token that is set" if has_token else "wants a token"
        return failure(SERVER, f"{health.url} {complaint}", RENEWAL_ADVICE)
    if not health.status:
        return failure(
            SERVER,
            f"{health.url} answers {health.code}, but not as an API server of SkyPilot's",
            "Set SKYPILOT_API_SERVER_ENDPOINT to the address that its dashboard has, without /dashboard.",
        )
    if health.status != "healthy":
        return failure(
            SERVER, f"{health.url} says that it is {health.status}", "Read its log with `sky api logs`, and restart it."
        )
    who = f"the bot's user there is {health.user}" if health.user else "it asks for no user"
    if has_token and not health.user:
        return warning(
            SERVER, f"healthy at {health.url}; {who}", "Start it with ENABLE_SERVICE_ACCOUNTS=true, or unset the token."
        )
    return ok(SERVER, f"healthy at {health.url}; {who}")


def judge_version(health: ServerHealth | Unavailable) -> DoctorFinding:
    """Judge whether the server's version fits the tested one."""
    if isinstance(health, Unavailable) or not health.version:
        return skip(VERSION, "SkyPilot does not say")
    there, here = parse_minor_version(health.version), parse_minor_version(TESTED_VERSION)
    advice = (
        f"Install {TESTED_VERSION} on the server: `pip install 'skypilot=={TESTED_VERSION}'` where it runs, "
        "and restart it."
    )
    if not there or there > here:
        return warning(VERSION, f"{health.version}; the bot is tested with {TESTED_VERSION} alone", advice)
    if there < here:
        return failure(VERSION, f"{health.version}, and the bot needs {TESTED_VERSION}", advice)
    return ok(VERSION, health.version)


def parse_minor_version(version: str) -> tuple[int, ...]:
    """Return the major and the minor number of a version; empty where it has none.

    >>> parse_minor_version("0.14.1"), parse_minor_version("1.0.0-dev0"), parse_minor_version("nightly")
    ((0, 14), (1, 0), ())
    """
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else ()


def judge_infra(infra: Sequence[str] | Unavailable) -> DoctorFinding:
    """Judge whether the server has usable infra."""
    if isinstance(infra, Unavailable):
        return failure(INFRA, str(infra), "Run `sky check` where the API server is.")
    if not infra:
        return failure(INFRA, "none can be used", "Give the API server its credentials, and run `sky check` there.")
    return ok(INFRA, join_names(list(infra)))


def judge_recipe_infra(infra: Sequence[str] | Unavailable, tasks: Mapping[str, Task]) -> DoctorFinding:
    """Judge which recipes have an infra that they can run on unchanged."""
    if isinstance(infra, Unavailable) or not infra:
        return skip(RECIPE_INFRA, "there is no infra")
    clouds_by_recipe = {name: find_clouds(task) for name, task in tasks.items()}
    stranded = [name for name, clouds in clouds_by_recipe.items() if clouds and not clouds & set(infra)]
    runnable = [
        f"{name} ({'any' if not clouds else join_names(sorted(clouds & set(infra)))})"
        for name, clouds in clouds_by_recipe.items()
        if name not in stranded
    ]
    if not stranded:
        return ok(RECIPE_INFRA, ", ".join(runnable))
    lacking = sorted(set().union(*(clouds_by_recipe[name] for name in stranded)))
    return warning(
        RECIPE_INFRA,
        f"{join_names([f'`{name}`' for name in stranded])} ask for {join_names(lacking)}, which is not enabled"
        + (f"; can run: {', '.join(runnable)}" if runnable else ""),
        f"Launch with `infra={infra[0]}`, or enable it there: `sky check {lacking[0]}`.",
    )


def find_clouds(task: Task) -> set[str]:
    """Return the clouds that a task names, of which it needs one; empty where SkyPilot may choose.

    >>> (find_clouds({"resources": {"infra": "k8s/east"}}),
    ...  find_clouds({"resources": {"any_of": [{"infra": "aws"}, {}]}}))
    ({'kubernetes'}, set())
    """
    requirements = resources(task)
    choices = requirements.get("any_of") or requirements.get("ordered") or [requirements]
    names = [
        str(choice.get("infra") or requirements.get("infra") or choice.get("cloud") or "").partition("/")[0].lower()
        for choice in choices
    ]
    return set() if any(name in ("", "*") for name in names) else {CLOUD_ALIASES.get(name, name) for name in names}


def describe_node(task: Task) -> str:
    """Return what one node of a task needs, in words; two tasks of the same needs have the same price.

    >>> describe_node({"resources": {"infra": "k8s", "accelerators": "H100:8"}, "num_nodes": 2}), describe_node({})
    ('H100:8 on k8s', 'a node without GPUs')
    >>> describe_node({"resources": {"accelerators": ["H100:1", "A100:1"]}})
    'H100:1 or A100:1'
    """
    kinds = [kind for choice in list_resources(task) for kind in list_accelerators(choice.get("accelerators"))]
    gpus = " or ".join(kind if ":" in kind else f"{kind}:1" for kind in dict.fromkeys(kinds))
    infra = resources(task).get("infra")
    spot = " (spot)" if resources(task).get("use_spot") else ""
    return (gpus or "a node without GPUs") + (f" on {infra}" if infra else "") + spot


def judge_prices(rates: Mapping[str, Rate | None] | Unavailable, table: str) -> DoctorFinding:
    """Judge whether the machines of all recipes have a price.

    Args:
        rates: of each request of the recipes, what a node costs; None where no source has a price.
        table: the team's own price table; empty for none.
    """
    if isinstance(rates, Unavailable):
        return failure(PRICES, str(rates), "Write what machines cost into a price table, and set VERLBOT_PRICES to it.")
    priced = [f"{name} ${rate.dollars_per_hour:,.2f}/h by {rate.source}" for name, rate in rates.items() if rate]
    unpriced = [name for name, rate in rates.items() if not rate]
    if unpriced:
        return warning(
            PRICES,
            f"price unknown, so no budget can end them: {', '.join(unpriced)}"
            + (f"; priced: {', '.join(priced)}" if priced else ""),
            (f"Add them to {table}" if table else "Set VERLBOT_PRICES to a file")
            + ", with lines such as `k8s: {H100: 2.5, node: 0.4}`.",
        )
    return ok(PRICES, ", ".join(priced))
