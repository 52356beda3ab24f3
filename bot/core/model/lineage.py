"""The lineage of a run: the runs that resumed one another, and the one resume in it that the policy makes. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from bot.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResume:
    """What follows the stop of a run by a finding whose action is to resume.

    Attributes:
        finding: the name of the finding; why: what it found, a sentence.
        step: the step of the checkpoint to continue from; checkpoint: the same as `resume_from` takes it; empty if
            there is none.
        setting: the setting with its new value, as it is typed.
        before_step: the step before which a checkpoint must be; None where the newest is as good as any.
        is_checked: whether a look at the cluster has found the checkpoint whole.
        check_count: how many looks failed.
        run_id: the run that continues this one; empty before its launch.
        refusal: why no run continues this one, a sentence; None while one may.
        stopped_by: Slack's id of the person who prevented the resume; empty if it was not prevented.
    """

    finding: str
    why: Text
    step: int = 0
    checkpoint: str = ""
    setting: str = ""
    before_step: int | None = None
    is_checked: bool = False
    check_count: int = 0
    run_id: str = ""
    refusal: Text | None = None
    stopped_by: str = ""

    @property
    def is_open(self) -> bool:
        """Return whether a run is still to be launched."""
        return not self.run_id and self.refusal is None and not self.stopped_by

    def record_whole_checkpoint(self, step: int, checkpoint: str) -> Self:
        """Return the resume with the checkpoint that a look at the cluster has found whole."""
        return replace(self, step=step, checkpoint=checkpoint, is_checked=True)

    def record_failed_check(self) -> Self:
        """Return the resume after a look at the cluster that showed nothing."""
        return replace(self, check_count=self.check_count + 1)

    def build_origin(self, run_id: str) -> "ResumeOrigin":
        """Return what the runs after this resume know of it.

        Args:
            run_id: the id of the run that the finding stopped.
        """
        return ResumeOrigin(
            stopped_run=run_id,
            resumed_run=self.run_id,
            finding=self.finding,
            why=self.why,
            step=self.step,
            setting=self.setting,
        )

    def record_launch(self, run_id: str) -> Self:
        """Return the resume after its launch."""
        return replace(self, run_id=run_id) if self.is_open else self

    def refuse(self, why: Text) -> Self:
        """Return the resume as not made; what was decided first counts."""
        return replace(self, refusal=why) if self.is_open else self

    def stop(self, by: str) -> Self:
        """Return the resume as stopped by a person, before its launch."""
        return replace(self, stopped_by=by) if self.is_open else self


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeOrigin:
    """The resume that the policy has made in a run's lineage, which gets no other one.

    Attributes:
        stopped_run: the run that the finding stopped; resumed_run: the run that the policy launched.
        finding, why, step, setting: as in `PolicyResume`.
    """

    stopped_run: str
    resumed_run: str
    finding: str
    why: Text
    step: int
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What policies resume in a run's lineage.

    Attributes:
        resume: the resume of this run, once a finding has stopped it; None where none follows.
        origin: the resume that led to this run, or to an earlier one of its lineage; None where there was none.
    """

    resume: PolicyResume | None = None
    origin: ResumeOrigin | None = None

    @property
    def is_resume_open(self) -> bool:
        """Return whether a run that continues this one is still to be launched."""
        return self.resume is not None and self.resume.is_open

    def change_resume(self, change: Callable[[PolicyResume], PolicyResume]) -> Self:
        """Return the lineage with another state of its resume; unchanged where none follows."""
        return replace(self, resume=change(self.resume)) if self.resume else self

    def stop_resume(self, by: str) -> Self:
        """Return the lineage without a resume that has not been made, as a person wants it."""
        return self.change_resume(lambda resume: resume.stop(by))

    def find_origin(self, run_id: str) -> ResumeOrigin | None:
        """Return the resume that the policy has made in the lineage up to this run, which has this id; None for
        none.
        """
        if self.origin or self.resume is None or not self.resume.run_id:
            return self.origin
        return self.resume.build_origin(run_id)
