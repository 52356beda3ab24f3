"""What SkyPilot writes when it refuses: the reason of each place, once, and nothing for its command line."""

import pytest

from bot.adapters.sky.refusal_text import READ_CHARACTERS, InfraRefusal, parse_refusals

HEAD = (
    "\x1b[31mFailed to provision all possible launchable resources.\x1b[0m Relax the task's resource requirements: "
    "2x <Cloud>({'A100': 4})\nTo keep retrying until the cluster is up, use the `--retry-until-up` flag.\n"
    "Provision failures (tried 2 infra):\n\n"
)


def attempt(place: str, *lines: str) -> str:
    return f"✗ {place} — A100:4\n" + "".join(f"  {line}\n" for line in lines) + "\n"


def failed_in(zones: str) -> str:
    return f"Failed to acquire resources in all zones in {zones} for {{Lambda({{'A100': 4}}), Vast({{'A100': 4}})}}."


def test_a_reason_that_two_places_share_is_one_refusal_with_both_places() -> None:
    message = HEAD + attempt("Lambda (us-east-1)", failed_in("us-east-1"), "Reason: Not enough capacity in us-east-1.")
    message += attempt("Lambda (us-west-3)", failed_in("us-west-3"), "Reason: Not enough capacity in us-west-3.")
    assert parse_refusals(message) == [
        InfraRefusal("Not enough capacity in us-east-1.", ("Lambda (us-east-1)", "Lambda (us-west-3)"))
    ]


def test_two_reasons_stay_two_in_their_order() -> None:
    message = HEAD + attempt("AWS (eu-west-1)", "Found no quota for p4d.24xlarge on-demand instances.")
    message += attempt("Kubernetes (lab)", failed_in("lab"), "Reason: Pod is pending.", "Hint: Look at the nodes.")
    assert parse_refusals(message) == [
        InfraRefusal("Found no quota for p4d.24xlarge on-demand instances.", ("AWS (eu-west-1)",)),
        InfraRefusal("Pod is pending.", ("Kubernetes (lab)",), "Look at the nodes."),
    ]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        pytest.param([failed_in("x1"), "Reason: First line", "and second."], "First line and second.", id="many lines"),
        pytest.param([failed_in("x1"), "Reason: It failed. Reason: No disk."], "No disk.", id="the last of two"),
        pytest.param([failed_in("x1")], "Failed to acquire resources in all zones in x1.", id="none, without machines"),
        pytest.param(
            [failed_in("x1"), "Reason: [{'code': 'QUOTA_EXCEEDED', 'message': \"Quota 'CPUS' exceeded.\"}]"],
            "Quota 'CPUS' exceeded.",
            id="Google's list of errors",
        ),
    ],
)
def test_the_reason_of_an_attempt_is_what_its_last_mark_introduces(lines: list[str], reason: str) -> None:
    assert parse_refusals(HEAD + attempt("GCP (x1)", *lines))[0].reason == reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param("No A100.\n\nHint: \x1b[1msky gpus list\x1b[0m to list\nsky check to check", "No A100.", id="CLI"),
        pytest.param("It broke. For details, run: sky jobs logs --controller 12", "It broke.", id="at the end"),
        pytest.param("It broke. To see the details, run: sky jobs logs 7. Previously: x", "It broke.", id="within"),
        pytest.param(
            "Cluster is abnormal because disk. Transitioned to INIT (details: cluster is unhealthy).",
            "Cluster is abnormal because disk.",
            id="SkyPilot's own state",
        ),
        pytest.param("Ray is unhealthy (None).", "Ray is unhealthy.", id="Python's None"),
    ],
)
def test_what_is_for_a_command_line_is_left_out(message: str, reason: str) -> None:
    assert parse_refusals(message)[0].reason.startswith(reason)
    assert "sky " not in parse_refusals(message)[0].reason


def test_a_secret_is_masked_and_only_the_beginning_of_a_huge_text_is_read() -> None:
    secret = "hf_" + "Ab3" * 12
    [refusal] = parse_refusals(f"Login with {secret} failed. " + "x" * READ_CHARACTERS)
    assert secret not in refusal.reason
    assert len(refusal.reason) <= READ_CHARACTERS
