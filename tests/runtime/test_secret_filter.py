"""Secrets that the bot knows, in every form; a team's own patterns; and a cloud whose words are masked."""

import json
import re
import traceback
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from bot.adapters.files.secret_patterns import read_patterns
from bot.bootstrap.masked_cloud import MaskingCloud
from bot.core.masking.known_secrets import find_secret_values
from bot.core.model.cluster import AutostopSetting, ClusterState, Observation
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.errors import ClusterNameInUse, Unavailable, UserError
from bot.runtime.secret_filter import GENERAL_FILTER, SecretFilter
from tests.doubles.cloud import FakeCloud

VALUE = "co&rrect/horse=battery+stäple"
ASCII = VALUE.encode()
PASSWORD = f"hunter{22}"
TOKEN = "hf_aB3dE6gH9jK2mN5pQ8sTuVwXyZ1234aBcD"

FORMS = {
    "as it is": VALUE,
    "within a word": f"x{VALUE}y",
    "percent-encoded": quote(VALUE, safe=""),
    "percent-encoded in lower case": re.sub("%..", lambda pair: pair[0].lower(), quote(VALUE, safe="")),
    "in a form": quote_plus(VALUE),
    "in JSON": json.dumps(VALUE),
    "in base64": b64encode(ASCII).decode(),
    "in base64 for addresses": urlsafe_b64encode(ASCII).decode(),
    "in base64 after one character": b64encode(b"u" + ASCII).decode(),
    "in base64 after two characters": b64encode(b"u:" + ASCII + b"!").decode(),
    "in hexadecimal digits": ASCII.hex(),
    "as a program shows it": repr(VALUE),
}


def is_readable(shown: str, form: str) -> bool:
    """Return whether eight characters in a row of what was printed are still there, its edges apart."""
    core = form[4:-4]
    return any(core[at : at + 8] in shown for at in range(len(core) - 7))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_known_value_is_masked_in_every_form(form: str) -> None:
    shown = SecretFilter({"MY_PASSWORD": VALUE}).mask(f"before {form} after")
    assert not is_readable(shown, form)
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert GENERAL_FILTER.mask(f"before {form} after") == f"before {form} after"


ENVIRONMENTS: dict[str, tuple[dict[str, str], set[str]]] = {
    "what is named so": (
        {"HF_TOKEN": TOKEN, "DB_PASSWORD": "hunter2", "apiKey": "abcdefgh"},
        {TOKEN, "hunter2", "abcdefgh"},
    ),
    "the password of an address": ({"DATABASE_URL": "postgres://ana:p%40ss-1@db/x"}, {"p%40ss-1", "p@ss-1"}),
    "a switch is none": ({"TOKENIZERS_PARALLELISM": "false", "USE_TOKEN": "true", "MAX_TOKEN": "16384"}, set()),
    "a path is none": ({"SSH_KEY": "/home/ana/.ssh/id.pem", "KEY_FILE": "secret-place"}, set()),
    "the folder of a shell is none": ({"PWD": "/srv/verlbot", "OLDPWD": "/srv", "DB_PWD": "hunter2"}, {"hunter2"}),
    "what is too short to mask": ({"API_TOKEN": "abc"}, set()),
    "nothing else": ({"HOME": "/root", "LANG": "C.UTF-8", "MY_THING": "blue-sky-99"}, set()),
}


@pytest.mark.parametrize(("environment", "secrets"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_what_of_an_environment_is_secret(environment: dict[str, str], secrets: set[str]) -> None:
    assert find_secret_values(environment) == secrets


def test_a_value_is_learned_once_a_recipe_names_it() -> None:
    secrets = SecretFilter({"MY_THING": "blue-sky-99"})
    before = secrets.masker
    assert secrets.mask("a blue-sky-99 day") == "a blue-sky-99 day"
    secrets.learn(["MY_THING", "NOT_SET"])
    assert secrets.mask("a blue-sky-99 day") == "a …(masked) day"
    assert before.mask("a blue-sky-99 day") == "a blue-sky-99 day"


def test_a_short_value_is_masked_as_a_word_alone() -> None:
    assert SecretFilter({"A_PASSWORD": "ray7"}).mask("ray7 and ray77 and xray7") == "…(masked) and ray77 and xray7"


def test_a_token_keeps_the_hint_of_its_kind() -> None:
    assert SecretFilter({"HF_TOKEN": TOKEN}).mask(f"it is {TOKEN}") == "it is hf_…(masked)"


def test_the_lines_and_the_fields_of_a_document_are_masked_each() -> None:
    key = "-----BEGIN PRIVATE KEY-----\naB3dE6gH9jK2mN5p\n-----END PRIVATE KEY-----"
    document = json.dumps({"type": "service_account", "private_key": key, "project_id": "ours-1"})
    secrets = SecretFilter({"GCP_CREDENTIALS": document})
    assert "aB3dE6gH9jK2mN5p" not in secrets.mask("printed\naB3dE6gH9jK2mN5p\nalone")
    assert secrets.mask("service_account of ours-1") == "service_account of ours-1"


# a team's own patterns


def test_a_teams_patterns_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "patterns.yaml"
    path.write_text("our-badge: 'badge-[0-9a-f]{8}'\n")
    assert SecretFilter({}, patterns=read_patterns(path)).mask("badge-0123abcd and badge-x") == "…(masked) and badge-x"


BROKEN = {
    "a look ahead": ("a: 'x(?=y)'", "invalid perl operator"),
    "a reference back": (r"a: '(x)\1'", "invalid escape"),
    "an open bracket": ("a: '('", "missing )"),
    "what matches nothing": ("a: 'x*'", "finds nothing"),
    "no expression": ("a: [1]", "Expected `str`"),
    "no YAML": ("a: 'x", "found unexpected end"),
    "one that is too long": (f"a: '{'x' * 501}'", "501 characters"),
}


@pytest.mark.parametrize(("text", "why"), BROKEN.values(), ids=BROKEN)
def test_a_pattern_that_is_not_valid_is_refused_at_the_start(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "patterns.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_patterns(path)
    assert why in str(refused.value)


# a cloud


def a_cloud(**environment: str) -> tuple[FakeCloud, MaskingCloud]:
    cloud = FakeCloud()
    return cloud, MaskingCloud(cloud, SecretFilter(environment))


def test_a_log_and_what_is_seen_are_masked() -> None:
    cloud, masked = a_cloud()
    cloud.seen["verl-a"] = Observation(
        cluster=ClusterState.UP, error=f"401 for {TOKEN}", infra=f"k8s/{TOKEN}", unhealthy=f"no {TOKEN}"
    )
    cloud.print("verl-a", f"export HF_TOKEN={TOKEN}", "step:1 - a:2")
    watched = ClusterRef("verl-a")
    assert masked.tail_log(watched, 10) == "export HF_TOKEN=hf_…(masked)\nstep:1 - a:2\n"
    seen = masked.observe([watched])["verl-a"]
    assert (seen.error, seen.infra, seen.unhealthy) == ("401 for hf_…(masked)", "k8s/hf_…(masked)", "no hf_…(masked)")


def test_names_by_which_clusters_are_removed_stay_as_they_are() -> None:
    cloud, masked = a_cloud(MY_PASSWORD="verl-a-long-name")
    cloud.seen["verl-a-long-name"] = Observation(cluster=ClusterState.UP)
    cloud.users["verl-a-long-name"] = f"ana {TOKEN}"
    (one,) = masked.list_clusters()
    assert (one.name, one.user) == ("verl-a-long-name", "ana hf_…(masked)")


def test_a_refusal_and_an_autostop_are_masked() -> None:
    cloud, masked = a_cloud()
    cloud.refuses = f"no image for {TOKEN}"
    assert masked.explain_refusal({}) == "no image for hf_…(masked)"
    cloud.seen["verl-a"] = Observation(cluster=ClusterState.UP)
    cloud.autostop_by = f"ana {TOKEN}"
    assert masked.set_autostop(ClusterRef("verl-a"), 5) == AutostopSetting("autostop-1", "ana hf_…(masked)")


class Failing(FakeCloud):
    """Fails as it is told to."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def describe_server(self) -> str:
        try:
            raise OSError(f"cannot reach https://ana:{PASSWORD}@sky with {TOKEN}")
        except OSError as error:
            raise self.error from error


FAILURES: dict[str, tuple[Exception, str]] = {
    "no answer": (Unavailable(f"silent: {TOKEN}"), "silent: hf_…(masked)"),
    "a refusal": (UserError(f"refused: {TOKEN}", f"Try {TOKEN}.", ["U0LEA"]), "refused: hf_…(masked)"),
    "a name that is taken": (ClusterNameInUse(f"taken: {TOKEN}"), "taken: hf_…(masked)"),
    "a mistake": (RuntimeError(f"mistake: {TOKEN}"), "mistake: hf_…(masked)"),
    "one that takes more than words": (
        UnicodeDecodeError("utf-8", b"x", 0, 1, TOKEN),
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0x78 in position 0: hf_…(masked)",
    ),
    "one whose cause alone says it": (Unavailable("silent"), "silent"),
}


@pytest.mark.parametrize(("error", "said"), FAILURES.values(), ids=FAILURES)
def test_what_a_failure_says_is_masked_with_what_caused_it(error: Exception, said: str) -> None:
    masked = MaskingCloud(Failing(error), SecretFilter({}))
    with pytest.raises((type(error), RuntimeError)) as met:
        masked.describe_server()
    assert str(met.value) == said
    shown = "".join(traceback.format_exception(met.value))
    assert TOKEN[3:11] not in shown
    assert PASSWORD not in shown
    hint: Any = getattr(met.value, "hint", "")
    assert TOKEN not in hint


def test_a_failure_without_a_secret_is_raised_as_it_is() -> None:
    error = Unavailable("silent")
    cloud = FakeCloud(answers=False)
    with pytest.raises(Unavailable, match="The cloud does not answer"):
        MaskingCloud(cloud, SecretFilter({})).describe_server()
    assert error.__cause__ is None


def test_what_a_task_names_as_secret_is_known_before_its_run_prints() -> None:
    cloud, masked = a_cloud(MY_THING="blue-sky-99", OTHER="green-hill-7")
    cloud.print("verl-a", "under a blue-sky-99 and a green-hill-7")
    masked.explain_refusal({"secrets": {"MY_THING": None}})
    masked.launch(LaunchOrder("verl-a", {}, ("OTHER",)))
    assert masked.tail_log(ClusterRef("verl-a"), 5) == "under a …(masked) and a …(masked)\n"


def test_a_folder_of_this_machine_is_no_secret_whatever_names_it(tmp_path: Path) -> None:
    found = SecretFilter({"CREDENTIALS_DIRECTORY": str(tmp_path), "API_KEY": "/not/there/0123456789"})
    assert found.mask(f"{tmp_path}/bot.log") == f"{tmp_path}/bot.log"
    assert "0123456789" not in found.mask("it is /not/there/0123456789 indeed")
