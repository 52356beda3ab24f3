"""Judgement of the answers of SkyPilot's API server."""

import re
from collections.abc import Mapping, Sequence

from bot.adapters.sky.vitals import TESTED, Health
from bot.core.money import Rate
from bot.core.plan import resources
from bot.core.recipe import Task, accelerators
from bot.doctor.finding import Finding, failure, ok, several, skipped, warning
from bot.errors import Unavailable

SERVER, VERSION, INFRA, PLACES, PRICES = (
    "SkyPilot",
    "SkyPilot's version",
    "SkyPilot's infra",
    "where recipes run",
    "prices",
)

NEW_KEY = "Make a service-account token on its dashboard, and set SKYPILOT_SERVICE_ACCOUNT_TOKEN (docs/install.md)."
CLOUDS = {"k8s": "kubernetes"}
"""Short names of clouds that SkyPilot accepts (sky/utils/infra_utils.py)."""


def judge_server(found: Health | Unavailable, *, has_token: bool, starts: bool) -> Finding:
    """Judge whether SkyPilot's server is healthy and accepts the token.

    Args:
        has_token: whether SKYPILOT_SERVICE_ACCOUNT_TOKEN is set.
        starts: whether the bot starts a server where none answers.
    """
    if isinstance(found, Unavailable):
        if starts:
            return skipped(SERVER, "none answers yet, and the bot starts one (VERLBOT_SKY_START_SERVER)")
        return failure(
            SERVER, str(found), "Start it with `sky api start`, or set SKYPILOT_API_SERVER_ENDPOINT to where one is."
        )
    if found.code in (401, 403) or found.status == "needs_auth":
        said = "does not know the token that is set" if has_token else "wants a token"
        return failure(SERVER, f"{found.url} {said}", NEW_KEY)
    if not found.status:
        return failure(
            SERVER,
            f"{found.url} answers {found.code}, but not as an API server of SkyPilot's",
            "Set SKYPILOT_API_SERVER_ENDPOINT to the address that its dashboard has, without /dashboard.",
        )
    if found.status != "healthy":
        return failure(
            SERVER, f"{found.url} says that it is {found.status}", "Read its log with `sky api logs`, and restart it."
        )
    who = f"we are {found.user}" if found.user else "it asks nobody who they are"
    if has_token and not found.user:
        return warning(
            SERVER, f"healthy at {found.url}; {who}", "Start it with ENABLE_SERVICE_ACCOUNTS=true, or unset the token."
        )
    return ok(SERVER, f"healthy at {found.url}; {who}")


def judge_version(found: Health | Unavailable) -> Finding:
    """Judge whether the server's version fits the tested one."""
    if isinstance(found, Unavailable) or not found.version:
        return skipped(VERSION, "SkyPilot does not say")
    there, here = minor(found.version), minor(TESTED)
    advice = f"Bring the server to {TESTED}: `pip install 'skypilot=={TESTED}'` where it runs, and restart it."
    if not there or there > here:
        return warning(VERSION, f"{found.version}; the bot is tested with {TESTED} alone", advice)
    if there < here:
        return failure(VERSION, f"{found.version}, and the bot needs {TESTED}", advice)
    return ok(VERSION, found.version)


def minor(version: str) -> tuple[int, ...]:
    """Return the major and the minor number of a version; empty where it has none.

    >>> minor("0.14.1"), minor("1.0.0-dev0"), minor("nightly")
    ((0, 14), (1, 0), ())
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else ()


def judge_infra(found: Sequence[str] | Unavailable) -> Finding:
    """Judge whether the server has usable infra."""
    if isinstance(found, Unavailable):
        return failure(INFRA, str(found), "Run `sky check` where the API server is.")
    if not found:
        return failure(INFRA, "none can be used", "Give the API server its credentials, and run `sky check` there.")
    return ok(INFRA, several(list(found)))


def judge_places(found: Sequence[str] | Unavailable, tasks: Mapping[str, Task]) -> Finding:
    """Judge which recipes have an infra that they can run on unchanged."""
    if isinstance(found, Unavailable) or not found:
        return skipped(PLACES, "there is no infra")
    places = {name: wanted(task) for name, task in tasks.items()}
    homeless = [name for name, clouds in places.items() if clouds and not clouds & set(found)]
    homes = [
        f"{name} ({'any' if not clouds else several(sorted(clouds & set(found)))})"
        for name, clouds in places.items()
        if name not in homeless
    ]
    if not homeless:
        return ok(PLACES, ", ".join(homes))
    lacking = sorted(set().union(*(places[name] for name in homeless)))
    return warning(
        PLACES,
        f"{several([f'`{name}`' for name in homeless])} ask for {several(lacking)}, which is not enabled"
        + (f"; can run: {', '.join(homes)}" if homes else ""),
        f"Launch with `infra={found[0]}`, or enable it there: `sky check {lacking[0]}`.",
    )


def wanted(task: Task) -> set[str]:
    """Return the clouds that a task names, of which it needs one; empty where SkyPilot may choose.

    >>> wanted({"resources": {"infra": "k8s/east"}}), wanted({"resources": {"any_of": [{"infra": "aws"}, {}]}})
    ({'kubernetes'}, set())
    """
    asked = resources(task)
    choices = asked.get("any_of") or asked.get("ordered") or [asked]
    names = [
        str(one.get("infra") or asked.get("infra") or one.get("cloud") or "").partition("/")[0].lower()
        for one in choices
    ]
    return set() if any(name in ("", "*") for name in names) else {CLOUDS.get(name, name) for name in names}


def request(task: Task) -> str:
    """Return what one node of a task needs, in words; two tasks of the same needs have the same price.

    >>> request({"resources": {"infra": "k8s", "accelerators": "H100:8"}, "num_nodes": 2}), request({})
    ('H100:8 on k8s', 'a node without GPUs')
    """
    asked = accelerators(task)
    infra = resources(task).get("infra")
    spot = " (spot)" if resources(task).get("use_spot") else ""
    return (
        (f"{asked.name}:{asked.count}" if asked else "a node without GPUs") + (f" on {infra}" if infra else "") + spot
    )


def judge_prices(found: Mapping[str, Rate | None] | Unavailable, table: str) -> Finding:
    """Judge whether the machines of all recipes have a price.

    Args:
        rates: of each request of the recipes, what a node costs; None where no source has a price.
        table: the team's own price table; empty for none.
    """
    if isinstance(found, Unavailable):
        return failure(PRICES, str(found), "Write what machines cost into a price table, and set VERLBOT_PRICES to it.")
    priced = [f"{name} ${rate.dollars_per_hour:,.2f}/h by {rate.source}" for name, rate in found.items() if rate]
    unpriced = [name for name, rate in found.items() if not rate]
    if unpriced:
        return warning(
            PRICES,
            f"unpriced, so that no budget holds: {', '.join(unpriced)}"
            + (f"; priced: {', '.join(priced)}" if priced else ""),
            (f"Add them to {table}" if table else "Set VERLBOT_PRICES to a file")
            + ", with lines such as `k8s: {H100: 2.5, node: 0.4}`.",
        )
    return ok(PRICES, ", ".join(priced))
