"""A cloud whose every text is masked before any other part of the bot gets it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from bot.app.ports import Cloud
from bot.core.model.checkpoint import CheckpointListing, DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import AutostopSetting, Observation
from bot.core.model.failure import ProcessLog
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.core.model.managed_job import JobsController
from bot.core.model.money import Rate
from bot.core.model.orphan import ListedCluster
from bot.core.model.recipe import Task
from bot.core.model.rollout import FilePart, FilePosition, RolloutSample, RunFolder, SampleBatch, SampleRequest
from bot.errors import Unavailable, UserError
from bot.phrase import Text, map_outside_text
from bot.runtime.secret_filter import SecretFilter

T = TypeVar("T")

Mask = Callable[[str], str]


class MaskingCloud:
    """Passes every call on, and masks what comes back: logs, sentences and error messages.

    Names and ids stay as they are: the bot finds and removes clusters by them.
    """

    def __init__(self, cloud: Cloud, secrets: SecretFilter) -> None:
        self._cloud = cloud
        self._secrets = secrets

    def describe_server(self) -> str:
        return self._mask(self._call(self._cloud.describe_server))

    def explain_refusal(self, task: Task) -> Text | None:
        self._learn_secrets(task)
        return self._mask_text(self._call(lambda: self._cloud.explain_refusal(task)))

    def estimate_rate(self, task: Task) -> Rate | None:
        rate = self._call(lambda: self._cloud.estimate_rate(task))
        return rate and replace(rate, source=self._mask(rate.source))

    def find_missing_controller(self, task: Task) -> JobsController | None:
        controller = self._call(lambda: self._cloud.find_missing_controller(task))
        if controller is None or controller.rate is None:
            return controller
        return replace(controller, rate=replace(controller.rate, source=self._mask(controller.rate.source)))

    def observe(self, clusters: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        return {
            name: self._mask_observation(observation)
            for name, observation in self._call(lambda: self._cloud.observe(clusters)).items()
        }

    def launch(self, order: LaunchOrder) -> str:
        self._secrets.learn(order.secrets)
        self._learn_secrets(order.task)
        return self._call(lambda: self._cloud.launch(order))

    def tail_log(self, cluster: ClusterRef, lines: int) -> str:
        """Return the masked tail. It is masked before it is cut, because half a secret would not be recognised."""
        return self._secrets.mask(self._call(lambda: self._cloud.tail_log(cluster, lines)), cut=True)

    def cancel_job(self, cluster: ClusterRef) -> None:
        self._call(lambda: self._cloud.cancel_job(cluster))

    def list_checkpoints(
        self, cluster: ClusterRef, checkpoint: CheckpointRef, job_ended: bool = False
    ) -> CheckpointListing:
        return self._call(lambda: self._cloud.list_checkpoints(cluster, checkpoint, job_ended))

    def download_checkpoint(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> DownloadProgress:
        return self._call(lambda: self._cloud.download_checkpoint(cluster, checkpoint))

    def find_checkpoint_flaw(self, cluster: ClusterRef, checkpoint: CheckpointRef) -> Text | None:
        return self._call(lambda: self._cloud.find_checkpoint_flaw(cluster, checkpoint))

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        return self._call(lambda: self._cloud.list_downloads(checkpoint))

    def read_samples(self, cluster: ClusterRef, folder: RunFolder, request: SampleRequest) -> SampleBatch:
        """Return the samples with every text masked. A text that was cut may begin or end within a secret."""
        batch = self._call(lambda: self._cloud.read_samples(cluster, folder, request))
        return replace(batch, samples=tuple(map(self._mask_sample, batch.samples)))

    def read_new_metrics(self, cluster: ClusterRef, folder: RunFolder, prefix: str, position: FilePosition) -> FilePart:
        """Return the new lines; only numbers of them are kept, and their keys are masked as a log's are."""
        part = self._call(lambda: self._cloud.read_new_metrics(cluster, folder, prefix, position))
        return replace(part, text=self._mask(part.text))

    def request_checkpoint(self, cluster: ClusterRef, folder: RunFolder, name: str) -> None:
        self._call(lambda: self._cloud.request_checkpoint(cluster, folder, name))

    def read_process_logs(self, cluster: ClusterRef, folder: RunFolder, pids: Sequence[int]) -> Sequence[ProcessLog]:
        """Return the logs, masked as the job's own; each may end within a secret, and none begins within one."""
        logs = self._call(lambda: self._cloud.read_process_logs(cluster, folder, pids))
        return [replace(log, text=self._secrets.mask(log.text, cut=True)) for log in logs]

    def tear_down(self, cluster: ClusterRef) -> Text | None:
        return self._mask_text(self._call(lambda: self._cloud.tear_down(cluster)))

    def set_autostop(self, cluster: ClusterRef, minutes: int) -> AutostopSetting:
        setting = self._call(lambda: self._cloud.set_autostop(cluster, minutes))
        return replace(setting, by=self._mask_optional(setting.by))

    def list_clusters(self) -> Sequence[ListedCluster]:
        clusters = self._call(self._cloud.list_clusters)
        return [
            replace(cluster, user=self._mask(cluster.user), infra=self._mask(cluster.infra)) for cluster in clusters
        ]

    def find_gone_clusters(self, cluster_ids: Collection[str]) -> Collection[str]:
        return self._call(lambda: self._cloud.find_gone_clusters(cluster_ids))

    def teardown_command(self, cluster: ClusterRef) -> str:
        return self._mask(self._call(lambda: self._cloud.teardown_command(cluster)))

    def stop(self) -> None:
        self._call(self._cloud.stop)

    def _call(self, call: Callable[[], T]) -> T:
        """Return the cloud's answer.

        Raises:
            Exception: what the cloud raises, its texts masked. It is raised outside the handler, so that no traceback
                shows the original.
        """
        try:
            return call()
        except Exception as error:
            failure = mask_error(error, self._mask)
        raise failure

    def _mask(self, text: str) -> str:
        return self._secrets.mask(text)

    def _mask_optional(self, text: str | None) -> str | None:
        return text and self._mask(text)

    def _mask_text(self, text: Text | None) -> Text | None:
        return text and mask_text(text, self._mask)

    def _mask_observation(self, observation: Observation) -> Observation:
        if not (observation.error or observation.infra or observation.unhealthy):
            return observation
        return replace(
            observation,
            error=self._mask_text(observation.error),
            infra=self._mask(observation.infra),
            unhealthy=self._mask_text(observation.unhealthy),
        )

    def _mask_sample(self, sample: RolloutSample) -> RolloutSample:
        def mask(text: str) -> str:
            return self._secrets.mask(text, cut=sample.is_cut)

        return replace(
            sample,
            prompt=mask(sample.prompt),
            answer=mask(sample.answer),
            truth=mask(sample.truth),
            tool_calls=tuple(map(mask, sample.tool_calls)),
            details={mask(key): mask(value) for key, value in sample.details.items()},
        )

    def _learn_secrets(self, task: Task) -> None:
        self._secrets.learn(map(str, task.get("secrets") or {}))


def mask_error(error: BaseException, mask: Mask) -> BaseException:
    """Return the exception with its texts masked; itself where neither it nor its causes hold a secret."""
    if is_clean(error, mask):
        return error
    masked = rebuild_error(error, mask)
    masked.__suppress_context__ = True
    if error.__cause__ is not None:
        masked.__cause__ = mask_error(error.__cause__, mask)
    return masked.with_traceback(error.__traceback__)


def mask_text(text: Text, mask: Mask) -> Text:
    """Return a text with the secrets in it masked. A phrase stays one, unless a secret is only visible in the whole."""
    masked = map_outside_text(text, mask)
    sentence = str(masked)
    return masked if mask(sentence) == sentence else mask(sentence)


def is_clean(error: BaseException | None, mask: Mask, depth: int = 0) -> bool:
    """Return whether neither an exception nor any that caused it has a text that must be masked."""
    if error is None:
        return True
    if depth > MAX_CHAIN_LENGTH or any(mask(text) != text for text in collect_texts(error)):
        return False
    return is_clean(error.__cause__, mask, depth + 1) and is_clean(error.__context__, mask, depth + 1)


MAX_CHAIN_LENGTH = 8
"""Maximum length of a chain of exceptions that is examined."""


def collect_texts(error: BaseException) -> list[str]:
    """Return all texts of an exception."""
    return [str(error), *map(str, error.args), str(getattr(error, "hint", "")), *getattr(error, "__notes__", ())]


def rebuild_error(error: BaseException, mask: Mask) -> BaseException:
    """Return an exception of the same class with masked texts; a RuntimeError where the class
    needs more than a text."""
    kind = type(error)
    if isinstance(error, UserError):
        return kind(mask_text(error.message, mask), mask_text(error.hint, mask), error.people)
    try:
        if isinstance(error, Unavailable):
            return kind(mask_text(error.message, mask))
        return kind(mask(str(error)))
    except Exception:  # its class needs more than a text: keep at least the text
        return RuntimeError(f"{kind.__name__}: {mask(str(error))}")
