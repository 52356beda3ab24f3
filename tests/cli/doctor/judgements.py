"""Compare a finding of the doctor with its status and its words."""

from bot.cli.doctor.checklist import DoctorFinding, DoctorStatus
from bot.errors import Unavailable

OK, WARNING, FAILURE, SKIPPED = DoctorStatus.OK, DoctorStatus.WARNING, DoctorStatus.FAILURE, DoctorStatus.SKIPPED
SILENT = Unavailable("Connection refused")


def told(finding: DoctorFinding, status: DoctorStatus, *words: str) -> None:
    """Assert that a finding has this status and these words, and advice where there is something to do."""
    said = f"{finding.result} {finding.advice}"
    assert finding.status is status, said
    assert all(word in said for word in words), said
    assert bool(finding.advice) is (status in (WARNING, FAILURE))
