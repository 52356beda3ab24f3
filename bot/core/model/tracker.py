"""Pages of experiment trackers: which addresses of a log count as one, and whose they are. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.model.metrics import LogEvent, TrackerLinked

TRACKER_ADDRESS = re.compile(
    r"(?P<origin>https?://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?)/(?P<page>[A-Za-z0-9_.@~%/+#?=&-]{0,300})"
)
"""Matches the address of a page, without a user, a space or a character that Slack reads."""

DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True, slots=True)
class TrackerHosts:
    """The hosts whose pages a card links to. A log holds any text, so no other address becomes a link.

    Attributes:
        hosts: each with a scheme if it is not https, a port if it has its own, and a star for one label.
    """

    hosts: tuple[str, ...] = ()

    def accepts(self, address: str) -> bool:
        """Return whether an address is a page of one of these hosts.

        >>> hosts = TrackerHosts(("wandb.ai", "*.wandb.io", "http://mlflow.internal:5000"))
        >>> hosts.accepts("https://wandb.ai/team/p/runs/1"), hosts.accepts("http://wandb.ai/team/p/runs/1")
        (True, False)
        >>> hosts.accepts("http://mlflow.internal:5000/#/experiments/1/runs/2"), hosts.accepts("https://a.b.wandb.io/")
        (True, False)
        """
        match = TRACKER_ADDRESS.fullmatch(address)
        return match is not None and any(fits_host(normalize_origin(match["origin"]), host) for host in self.hosts)

    def drop_unknown_pages(self, events: Sequence[LogEvent]) -> Sequence[LogEvent]:
        """Return the events of a log without the pages of other hosts."""
        return [event for event in events if not isinstance(event, TrackerLinked) or self.accepts(event.address)]


def normalize_origin(text: str) -> str:
    """Return scheme, host and port in small letters, without the port that the scheme implies.

    >>> normalize_origin("WandB.ai"), normalize_origin("https://wandb.ai:443"), normalize_origin("http://m.local:5000")
    ('https://wandb.ai', 'https://wandb.ai', 'http://m.local:5000')
    """
    origin = (text if "://" in text else f"https://{text}").lower()
    return origin.removesuffix(DEFAULT_PORTS[origin.partition("://")[0]])


def fits_host(origin: str, host: str) -> bool:
    """Return whether the origin of an address is a host of the setting; a star is exactly one label."""
    before, star, after = normalize_origin(host).partition("*")
    if not star:
        return origin == before
    label = origin.removeprefix(before).removesuffix(after)
    return origin == f"{before}{label}{after}" and re.fullmatch(r"[a-z0-9-]+", label) is not None


def name_tracker(address: str) -> str:
    """Return the product name of the tracker whose page has this address, by the form of the address.

    >>> pages = ("team/p/runs/1", "@team/p/runs/1", "#/experiments/1/runs/2", "")
    >>> [name_tracker(f"https://t.example/{page}") for page in pages]
    ['W&B', 'SwanLab', 'MLflow', 'TensorBoard']
    """
    match = TRACKER_ADDRESS.fullmatch(address)
    page = match["page"] if match else ""
    if "#/experiments/" in page:
        return "MLflow"
    if page.startswith("@"):
        return "SwanLab"
    return "W&B" if "/runs/" in page else "TensorBoard"
