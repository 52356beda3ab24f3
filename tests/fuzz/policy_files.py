"""Policy files: each is a policy, or is refused in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters import policies
from bot.core.policy import Policy
from bot.errors import UserError
from bot.slack import answers
from tests.adapters.test_policies import WHOLE
from tests.fuzz.documents import yaml_texts
from tests.fuzz.target import Check, Target
from tests.hostile import refuse_unsafe
from tests.live import OPEN_POLICY
from tests.test_policy_tools import FILE

TEXTS = [WHOLE, FILE, OPEN_POLICY.read_text()]


@contextmanager
def opened() -> Iterator[Check]:
    with TemporaryDirectory() as folder:
        yield lambda text: check(Path(folder) / "policy.yaml", text)


def check(file: Path, text: str) -> None:
    file.write_bytes(text.encode(errors="surrogatepass"))
    try:
        policy = policies.read_policy(file)
    except UserError as error:
        refuse_unsafe(answers.render_user_error(error))
    else:
        assert isinstance(policy, Policy)
        assert policies.list_differences(policy, policy) == []


TARGET = Target(
    name="policy-files",
    promise="a policy, or a refusal in words",
    examples=yaml_texts(TEXTS),
    opened=opened,
    slice=30,
)
