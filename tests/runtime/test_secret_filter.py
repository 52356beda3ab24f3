"""Secrets that the bot knows are masked in every form."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from bot.runtime.secret_filter import GENERAL_FILTER, SecretFilter

VALUE = "co&rrect/horse=battery+stäple"
ASCII = VALUE.encode()
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


def test_a_folder_of_this_machine_is_no_secret_whatever_names_it(tmp_path: Path) -> None:
    found = SecretFilter({"CREDENTIALS_DIRECTORY": str(tmp_path), "API_KEY": "/not/there/0123456789"})
    assert found.mask(f"{tmp_path}/bot.log") == f"{tmp_path}/bot.log"
    assert "0123456789" not in found.mask("it is /not/there/0123456789 indeed")
