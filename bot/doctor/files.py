"""Judgement of the files that an installation names: whether they are usable, and what the policy then allows."""

from pathlib import Path

from bot.core.policy import Policy
from bot.doctor.finding import DoctorFinding, failure, ok
from bot.errors import UserError
from bot.policy_summary import summarize_policy

POLICY, FINDINGS_FILE, PRICES_FILE = "policy", "findings file", "prices file"


def judge_policy(path: Path | None, policy: Policy | UserError) -> DoctorFinding:
    """Judge the policy that applies: that of a file, or the safe defaults."""
    if isinstance(policy, UserError):
        return failure(POLICY, policy.sentence, f"Mend it until `verlbot policy check {path}` finds nothing.")
    rules = "; ".join(summarize_policy(policy))
    if path is None:
        return ok(POLICY, f"no VERLBOT_POLICY, so the safe defaults hold: {rules}. `verlbot policy init` prints a file")
    return ok(POLICY, f"{path}: {rules}")


def judge_file(name: str, path: Path, problem: UserError | None) -> DoctorFinding:
    """Judge a file that is either readable or not."""
    return failure(name, problem.sentence, problem.hint) if problem else ok(name, f"{path} can be used")
