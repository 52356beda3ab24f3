"""Policy files: each is a policy, or is refused in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.adapters.files import policy_files
from bot.core.model.policy import Policy
from bot.errors import UserError
from bot.slack.views import answers
from tests.adapters.files.test_policy_files import WHOLE
from tests.cli.test_policy_command import FILE
from tests.fuzz.documents import yaml_texts
from tests.fuzz.target import Check, Target
from tests.hostile import refuse_unsafe
from tests.live import OPEN_POLICY

TEXTS = [WHOLE, FILE, OPEN_POLICY.read_text()]


@contextmanager
def opened() -> Iterator[Check]:
    with TemporaryDirectory() as folder:
        yield lambda text: check(Path(folder) / "policy.yaml", text)


def check(file: Path, text: str) -> None:
    file.write_bytes(text.encode(errors="surrogatepass"))
    try:
        policy = policy_files.read_policy(file)
    except UserError as error:
        refuse_unsafe(answers.render_user_error(error))
    else:
        assert isinstance(policy, Policy)
        assert policy_files.list_differences(policy, policy) == []


TARGET = Target(
    name="policy-files",
    promise="a policy, or a refusal in words",
    examples=yaml_texts(TEXTS),
    opened=opened,
    slice=30,
)
