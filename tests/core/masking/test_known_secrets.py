"""The secret values of an environment: found by the names of their variables."""

import pytest

from bot.core.masking.known_secrets import find_secret_values

TOKEN = "hf_aB3dE6gH9jK2mN5pQ8sTuVwXyZ1234aBcD"

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
