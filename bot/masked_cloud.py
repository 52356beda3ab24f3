"""A cloud whose every text is masked before any other part of the bot gets it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from bot.adapters.secret_filter import SecretFilter
from bot.core.autostop import Setting
from bot.core.keeping import Fetch, Parcel, Shelf
from bot.core.managed import Controller
from bot.core.money import Rate
from bot.core.order import Order, Watched
from bot.core.orphans import Standing
from bot.core.recipe import Task
from bot.core.seen import Seen
from bot.errors import UserError
from bot.ports import Cloud

T = TypeVar("T")

Mask = Callable[[str], str]


class MaskingCloud:
    """Passes every call on, and masks what comes back: logs, sentences and error messages.

    Names and ids stay as they are: the bot finds and removes clusters by them.
    """

    def __init__(self, cloud: Cloud, secrets: SecretFilter) -> None:
        self._cloud = cloud
        self._secrets = secrets

    def greet(self) -> str:
        return self._masked(self._call(self._cloud.greet))

    def refusal(self, task: Task) -> str | None:
        self._learn(task)
        return self._sentence(self._call(lambda: self._cloud.refusal(task)))

    def rate(self, task: Task) -> Rate | None:
        found = self._call(lambda: self._cloud.rate(task))
        return found and replace(found, source=self._masked(found.source))

    def controller(self, task: Task) -> Controller | None:
        return self._call(lambda: self._cloud.controller(task))

    def observe(self, watched: Sequence[Watched]) -> Mapping[str, Seen]:
        return {name: self._seen(seen) for name, seen in self._call(lambda: self._cloud.observe(watched)).items()}

    def launch(self, order: Order) -> str:
        self._secrets.learn(order.secrets)
        self._learn(order.task)
        return self._call(lambda: self._cloud.launch(order))

    def tail(self, watched: Watched, lines: int) -> str:
        """Return the masked tail. It is masked before it is cut, because half a secret would not be recognised."""
        return self._secrets.mask(self._call(lambda: self._cloud.tail(watched, lines)), cut=True)

    def halt(self, watched: Watched) -> None:
        self._call(lambda: self._cloud.halt(watched))

    def shelf(self, watched: Watched, parcel: Parcel, over: bool = False) -> Shelf:
        return self._call(lambda: self._cloud.shelf(watched, parcel, over))

    def fetch(self, watched: Watched, parcel: Parcel) -> Fetch:
        return self._call(lambda: self._cloud.fetch(watched, parcel))

    def recall(self, parcel: Parcel) -> Mapping[int, Fetch]:
        return self._call(lambda: self._cloud.recall(parcel))

    def down(self, watched: Watched) -> str | None:
        return self._sentence(self._call(lambda: self._cloud.down(watched)))

    def autostop(self, watched: Watched, minutes: int) -> Setting:
        found = self._call(lambda: self._cloud.autostop(watched, minutes))
        return replace(found, by=self._sentence(found.by))

    def clusters(self) -> Sequence[Standing]:
        found = self._call(self._cloud.clusters)
        return [replace(one, user=self._masked(one.user), infra=self._masked(one.infra)) for one in found]

    def gone(self, cluster_ids: Collection[str]) -> Collection[str]:
        return self._call(lambda: self._cloud.gone(cluster_ids))

    def by_hand(self, watched: Watched) -> str:
        return self._masked(self._call(lambda: self._cloud.by_hand(watched)))

    def stop(self) -> None:
        self._call(self._cloud.stop)

    def _call(self, ask: Callable[[], T]) -> T:
        """Return the cloud's answer.

        Raises:
            Exception: what the cloud raises, its texts masked. It is raised outside the handler, so that no traceback
                shows the original.
        """
        try:
            return ask()
        except Exception as error:
            failure = mask_error(error, self._masked)
        raise failure

    def _masked(self, text: str) -> str:
        return self._secrets.mask(text)

    def _sentence(self, text: str | None) -> str | None:
        return text and self._masked(text)

    def _seen(self, seen: Seen) -> Seen:
        if not (seen.error or seen.infra or seen.unhealthy):
            return seen
        return replace(
            seen,
            error=self._sentence(seen.error),
            infra=self._masked(seen.infra),
            unhealthy=self._sentence(seen.unhealthy),
        )

    def _learn(self, task: Task) -> None:
        self._secrets.learn(map(str, task.get("secrets") or {}))


def mask_error(error: BaseException, mask: Mask) -> BaseException:
    """Return the exception with its texts masked; itself where neither it nor its causes hold a secret."""
    if is_clean(error, mask):
        return error
    masked = remade(error, mask)
    masked.__suppress_context__ = True
    if error.__cause__ is not None:
        masked.__cause__ = mask_error(error.__cause__, mask)
    return masked.with_traceback(error.__traceback__)


def is_clean(error: BaseException | None, mask: Mask, depth: int = 0) -> bool:
    """Return whether neither an exception nor any that caused it has a text that must be masked."""
    if error is None:
        return True
    if depth > DEEPEST or any(mask(text) != text for text in words_of(error)):
        return False
    return is_clean(error.__cause__, mask, depth + 1) and is_clean(error.__context__, mask, depth + 1)


DEEPEST = 8
"""Maximum length of a chain of exceptions that is examined."""


def words_of(error: BaseException) -> list[str]:
    """Return all texts of an exception."""
    return [str(error), *map(str, error.args), getattr(error, "hint", ""), *getattr(error, "__notes__", ())]


def remade(error: BaseException, mask: Mask) -> BaseException:
    """Return an exception of the same class with masked texts; a RuntimeError where the class
    needs more than a text."""
    kind = type(error)
    if isinstance(error, UserError):
        return kind(mask(str(error)), mask(error.hint), error.people)
    try:
        return kind(mask(str(error)))
    except Exception:  # its class needs more than a text: keep at least the text
        return RuntimeError(f"{kind.__name__}: {mask(str(error))}")
