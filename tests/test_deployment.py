"""What no engine here can run is at least what its schema says, and what the README promises of it."""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from redis import Redis
from redis.exceptions import AuthenticationError

from bot.__main__ import ACTIONS
from bot.adapters.redis.embedded import find_server_program
from bot.cli.command_line import build_parser
from bot.config.settings import Settings
from slack_playground.pages import PAGE
from tests.waiting import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def test_the_compose_file_is_valid_by_the_compose_schema(compose: dict[str, Any]) -> None:
    """check-jsonschema carries the schema; its own program needs a newer click than SkyPilot allows."""
    import jsonschema  # 2 s, of all tests' start

    found = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas/vendor/compose-spec.json")
    schema = json.loads(Path(str(found)).read_text())
    jsonschema.validate(compose, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**compose, "services": {"bot": {"imagee": "x"}}}, schema)


def test_every_service_says_whether_it_is_well_and_comes_back(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"bot", "redis", "skypilot"}
    for service in compose["services"].values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


def test_redis_writes_to_a_volume_before_it_answers(compose: dict[str, Any]) -> None:
    redis = compose["services"]["redis"]
    assert "redis-server - --appendonly yes --appendfsync always" in redis["command"][2]
    assert redis["volumes"] == ["redis:/data"]


def test_redis_has_a_network_of_its_own_which_skypilot_is_not_on(compose: dict[str, Any]) -> None:
    networks = {name: set(service["networks"]) for name, service in compose["services"].items()}
    assert networks == {"bot": {"store", "skypilot"}, "redis": {"store"}, "skypilot": {"skypilot"}}
    assert compose["networks"]["store"] == {"internal": True}


def test_no_service_gains_privileges_or_takes_the_whole_machine(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["cap_drop"] == ["ALL"]
        assert service["mem_limit"]
        assert service["pids_limit"]
        assert "privileged" not in service
        assert not [one for one in service["volumes"] if "docker.sock" in one or one.startswith("/")]
        assert service.get("read_only", False) is (name != "skypilot"), "SkyPilot's keeps its home, and is root there"
    assert set(compose["services"]["skypilot"]["cap_add"]).isdisjoint({"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN"})


def test_no_password_of_redis_is_optional_or_written_down(compose: dict[str, Any]) -> None:
    bot, redis = compose["services"]["bot"], compose["services"]["redis"]
    asked = [bot["environment"]["REDIS_URL"], *redis["environment"].values()]
    assert all(re.search(r"\$\{REDIS_PASSWORD:\?[^}]+\}", one) for one in asked), "compose refuses an empty one"
    assert "REDIS_PASSWORD=\n" in (ROOT / ".env.example").read_text()
    for kind in ("Deployment", "StatefulSet"):
        (container,) = pod(kind)["containers"]
        keys = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one]
        assert keys
        assert all(one == {"name": "verlbot", "key": "REDIS_PASSWORD", "optional": False} for one in keys)


def shell_of(where: str) -> str:
    """What starts Redis, as its shell reads it."""
    if where == "compose":
        found = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]["command"]
        return str(found[2]).replace("$$", "$")
    (container,) = pod("StatefulSet")["containers"]
    assert container["command"][:2] == ["sh", "-c"]
    return str(container["command"][2])


@pytest.mark.parametrize("where", ["compose", "Kubernetes"])
@pytest.mark.parametrize(
    ("password", "why"),
    [
        pytest.param("", "16 letters or more", id="none"),
        pytest.param("short", "16 letters or more", id="a short one"),
        pytest.param("x" * 20 + "\nappendonly no", "letters, digits", id="one that sets something else"),
        pytest.param("x" * 20 + "$(id)", "letters, digits", id="one that the shell might read"),
    ],
)
def test_redis_does_not_start_with_a_password_that_guards_nothing(where: str, password: str, why: str) -> None:
    script = shell_of(where).replace("redis-server", "echo started")
    ran = subprocess.run(
        ["sh", "-c", script], env={"REDIS_PASSWORD": password}, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, why in ran.stderr) == (1, "", True)


@pytest.mark.parametrize("where", ["compose", "Kubernetes"])
@pytest.mark.long
def test_redis_asks_for_its_password_and_shows_it_in_no_command_line(where: str, tmp_path: Path) -> None:
    """The embedded server stands in for Redis: it reads the same options."""
    password, address = "x" * 24, tmp_path / "s"
    server = f"{find_server_program()} - --port 0 --unixsocket {address} --dir {tmp_path}"
    script = shell_of(where).replace("redis-server -", server)
    with subprocess.Popen(
        ["sh", "-c", script], env={"REDIS_PASSWORD": password, "PATH": os.defpath}, stdout=subprocess.DEVNULL
    ) as ran:
        try:
            eventually(address.exists)
            with pytest.raises(AuthenticationError):
                Redis(unix_socket_path=str(address)).ping()
            client = Redis(unix_socket_path=str(address), password=password)
            assert client.config_get("appendfsync") == {"appendfsync": "always"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            client.close()
            assert password not in " ".join(psutil.Process(ran.pid).cmdline())
        finally:
            ran.kill()


LOCKS = {name: (ROOT / f"requirements{name}.lock").read_text() for name in ("", "-bot", "-uv", "-node")}


def pinned(lock: str) -> dict[str, str]:
    """The packages of a lock file with their versions, and markers where there are several."""
    found = re.findall(r"^([a-z0-9-]+)==(\S+?)( ; [^\\]*)? \\$", lock, re.MULTILINE)
    return {f"{name}{marker.strip()}": version for name, version, marker in found}


@pytest.mark.parametrize("lock", LOCKS.values(), ids=[f"requirements{name}.lock" for name in LOCKS])
def test_every_package_is_pinned_with_the_hashes_of_its_files(lock: str) -> None:
    entries = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        first, *hashes = [line.strip(" \\") for line in entry.splitlines()]
        assert re.match(r"[a-z0-9-]+==\d", first), first
        assert hashes, first
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), first


def test_the_bots_own_lock_is_a_part_of_the_one_that_is_tested_and_holds_all_that_it_needs() -> None:
    tested, own = pinned(LOCKS[""]), pinned(LOCKS["-bot"])
    assert own.items() <= tested.items()
    assert "pytest" in tested
    assert "pytest" not in own
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    names = {re.split(r"[^a-z0-9-]", one)[0] for one in needed}
    assert names <= {re.split(r"[^a-z0-9-]", name)[0] for name in own}


def test_nothing_is_installed_that_has_no_hash() -> None:
    installs = [
        line.strip()
        for path in ("Dockerfile", "Makefile", "playground/web/node")
        for line in (ROOT / path).read_text().replace("\\\n", "").splitlines()
        if "pip install" in line
    ]
    assert len(installs) >= 6
    for line in installs:
        for command in re.findall(r"pip install[^&|;]*", line):
            assert ("--require-hashes" in command) or ("--no-deps --no-build-isolation" in command), command


def test_npm_runs_no_script_of_a_package() -> None:
    assert "ignore-scripts=true" in (ROOT / "playground" / "web" / ".npmrc").read_text().splitlines()
    assert "ci --ignore-scripts" in (ROOT / "Makefile").read_text()
    lock = json.loads((ROOT / "playground" / "web" / "package-lock.json").read_text())["packages"]
    assert all("integrity" in one for path, one in lock.items() if path)


def test_no_pod_can_reach_what_gives_machines_their_credentials() -> None:
    metadata = [
        "169.254.169.254",
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd20:ce::254",
    ]
    for name in ("verlbot", "redis", "default-deny"):
        policy = manifest_of("NetworkPolicy", name)["spec"]
        assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
        for rule in policy.get("egress", []):
            assert rule["to"], "a rule without it leads anywhere"
            for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
                for address in map(ip_address, metadata):
                    inside = address.version == ip_network(block["cidr"]).version and address in ip_network(
                        block["cidr"]
                    )
                    kept = [ip_network(one) for one in block.get("except", [])]
                    assert not inside or any(address in one for one in kept if one.version == address.version), address
    assert manifest_of("NetworkPolicy", "default-deny")["spec"]["podSelector"] == {}
    assert manifest_of("NetworkPolicy", "redis")["spec"]["egress"] == []


def test_nothing_listens_on_all_interfaces(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_variable_that_is_named_somewhere_is_a_setting(compose: dict[str, Any]) -> None:
    example = re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    composed = [name for service in compose["services"].values() for name in service.get("environment", {})]
    deployed = [*environment("Deployment"), *manifest_of("ConfigMap")["data"], *manifest_of("Secret")["stringData"]]
    known = {one.metadata["variable"] for one in Settings.__dataclass_fields__.values() if one.metadata}
    # of the libraries; and what REDIS_URL is made of
    others = {"HTTPS_PROXY", "NO_PROXY", "REDIS_PASSWORD", "REDISCLI_AUTH"}
    assert {"SLACK_BOT_TOKEN", "SKYPILOT_API_SERVER_ENDPOINT", "REDIS_URL", "VERLBOT_DATA_DIR"} <= {*example, *composed}
    assert {*example, *composed, *deployed} - others <= known


def test_what_pages_say_of_settings_is_of_settings_that_there_are() -> None:
    known = {one.metadata["variable"] for one in Settings.__dataclass_fields__.values() if one.metadata}
    others = {"VERLBOT_RUN_ID", "VERLBOT_LOGS"}  # of a task; of the benchmarks
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"\b(?:VERLBOT|SLACK)_[A-Z_]+\b", page.read_text()))
        assert named <= known | others, page.name


KUBERNETES = ROOT / "deploy" / "kubernetes"
MANIFESTS = [
    pytest.param(document, id=f"{path.name} {document['kind']}")
    for path in sorted(KUBERNETES.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]


def manifest_of(kind: str, name: str = "") -> dict[str, Any]:
    documents: list[dict[str, Any]] = [param.values[0] for param in MANIFESTS]  # type: ignore[misc]  # pytest's are objects
    return next(one for one in documents if one["kind"] == kind and name in ("", one["metadata"]["name"]))


def pod(kind: str) -> dict[str, Any]:
    return dict(manifest_of(kind)["spec"]["template"]["spec"])


def environment(kind: str) -> dict[str, Any]:
    (container,) = pod(kind)["containers"]
    return {one["name"]: one.get("value") for one in container["env"]}


@pytest.mark.parametrize("document", MANIFESTS)
def test_each_manifest_is_valid_by_kubernetes_own_schema(document: dict[str, Any]) -> None:
    import kubernetes_validate

    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**document, "metadatas": {}}, kubernetes_validate.latest_version(), strict=True)
    assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "verlbot"


def test_kustomize_takes_every_manifest_but_the_secrets_and_names_the_image() -> None:
    found = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    files = {path.name for path in KUBERNETES.glob("*.yaml")}
    assert {*found["resources"], "kustomization.yaml", "secret.example.yaml"} == files
    assert [image["name"] for image in found["images"]] == [pod("Deployment")["containers"][0]["image"]]
    assert "deploy/kubernetes/secret.yaml" in (ROOT / ".gitignore").read_text().splitlines()


def test_two_bots_never_run_at_once() -> None:
    spec = manifest_of("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_no_pod_is_root_has_a_token_or_writes_outside_of_its_volumes(kind: str) -> None:
    found = pod(kind)
    (container,) = found["containers"]
    assert found["automountServiceAccountToken"] is False
    assert found["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["livenessProbe"]["exec"]["command"]


def test_the_pod_is_what_the_image_is() -> None:
    """User, home, data, command: said in the Dockerfile, and again where Kubernetes must know."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    (container,) = pod("Deployment")["containers"]
    user = pod("Deployment")["securityContext"]["runAsUser"]
    assert f"useradd --uid {user} --create-home verlbot" in dockerfile
    assert f"USER {user}:{user}" in dockerfile, "by number, so that Kubernetes sees that it is not root"
    assert 'ENTRYPOINT ["verlbot"]' in dockerfile
    assert container["args"] == ["run"]
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    assert {"/data", "/home/verlbot", "/tmp"} == mounted
    assert environment("Deployment")["VERLBOT_DATA_DIR"] == "/data"
    for probe in ("startupProbe", "livenessProbe"):
        words = container[probe]["exec"]["command"]
        assert words[0] == "verlbot"
        assert build_parser(ACTIONS).parse_args(words[1:]).action.__name__ == "do_health"


def test_a_bot_in_that_pod_can_read_its_settings() -> None:
    filled = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "SKYPILOT_SERVICE_ACCOUNT_TOKEN": "sky_1"}
    given = {**manifest_of("ConfigMap")["data"], **manifest_of("Secret")["stringData"], **environment("Deployment")}
    found = Settings.read({**given, **filled, "REDIS_PASSWORD": "long"})
    assert found.uses_skypilot
    assert found.slack_mode == "socket"
    names = [one["name"] for one in pod("Deployment")["containers"][0]["env"]]
    assert names.index("REDIS_PASSWORD") < names.index("REDIS_URL"), "Kubernetes puts in what stands before"


def test_the_redis_of_kubernetes_keeps_and_guards_what_it_is_told() -> None:
    (container,) = pod("StatefulSet")["containers"]
    options = " ".join(container["command"])
    assert container["image"] == yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]["image"]
    for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction", "requirepass $"):
        assert option in options
    assert {one["mountPath"] for one in container["volumeMounts"]} == {"/data", "/tmp"}
    (port,) = manifest_of("Service")["spec"]["ports"]
    address = environment("Deployment")["REDIS_URL"]
    assert address == f"redis://:$(REDIS_PASSWORD)@{manifest_of('Service')['metadata']['name']}:{port['port']}/0"
    policy = manifest_of("NetworkPolicy", "redis")["spec"]
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": port["port"]}]
    labels = manifest_of("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert rule["from"] == [{"podSelector": {"matchLabels": labels}}]
    assert policy["podSelector"]["matchLabels"] == manifest_of("Service")["spec"]["selector"]


def test_the_commands_that_pages_tell_people_to_run_are_commands() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    typed = re.findall(r"(?:^ {4,}|bot |-- )verlbot ([a-z][^>\n]*)|compose run --rm bot ([a-z]+)", page, re.MULTILINE)
    words = {one.strip() for pair in typed for one in pair if one}
    assert {"manifest", "doctor", "run", "health"} <= words
    for word in words:
        build_parser(ACTIONS).parse_args(shlex.split(word))
    for path in re.findall(r"deploy/[a-z./]*[a-z]", page):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("mode", ["socket", "http"])
@pytest.mark.long
def test_whoever_prints_a_manifest_on_a_terminal_is_told_in_two_lines_what_to_do_with_it(mode: str) -> None:
    words = [] if mode == "socket" else ["--http", "https://verlbot.example.org"]
    shown, piped = (
        on_a_terminal(words),
        subprocess.run(
            [sys.executable, "-m", "bot", "manifest", *words], capture_output=True, text=True, check=True, cwd=ROOT
        ),
    )
    assert json.loads(piped.stdout)["display_information"]["name"] == "verlbot"
    assert piped.stderr == ""
    assert len(shown.splitlines()) == 2
    assert "https://api.slack.com/apps" in shown
    assert ("connections:write" in shown) is (mode == "socket")
    assert ("signing secret" in shown) is (mode == "http")


def on_a_terminal(words: list[str]) -> str:
    """What `verlbot manifest` says beside the manifest where standard error is a terminal."""
    master, terminal = pty.openpty()
    try:
        program = [sys.executable, "-m", "bot", "manifest", *words]
        subprocess.run(program, stdout=subprocess.DEVNULL, stderr=terminal, check=True, cwd=ROOT)
        return os.read(master, 65_536).decode()
    finally:
        os.close(terminal)
        os.close(master)


def list_packaged_files(project: Path, folder: Path) -> list[str]:
    """Return the names of the files in a project's wheel."""
    program = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(folder), str(project)]
    subprocess.run(program, check=True)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.slow
@pytest.mark.skipif(not (PAGE / "index.html").exists(), reason="the page is not built: `make page`")
@pytest.mark.long
def test_the_playground_carries_its_page_with_the_licences_of_what_it_is_made_of(tmp_path: Path) -> None:
    names = list_packaged_files(ROOT / "playground", tmp_path)
    assert {"slack_playground/page/index.html", "slack_playground/page/licences.md"} <= set(names)
    assert not [name for name in names if name.startswith(("bot/", "web/"))]


@pytest.mark.slow
def test_the_package_carries_its_recipes_and_texts_and_no_playground(tmp_path: Path) -> None:
    """An installed wheel has them, and nothing of the tests and of the demo's Slack."""
    names = list_packaged_files(ROOT, tmp_path)
    recipes = {f"bot/recipes/{path.name}" for path in (ROOT / "recipes").glob("*.yaml")}
    assert recipes
    assert recipes <= set(names)
    library = {path.name for path in (ROOT / "recipes" / "lib").iterdir() if path.is_file()}
    assert library
    assert not [name for name in names if "__pycache__" in name]
    assert {f"bot/recipes/lib/{name}" for name in library} <= set(names)
    assert {"bot/languages/zh_CN.po", "bot/cli/starter_policy.yaml"} <= set(names)
    assert not [
        name for name in names if name.startswith(("tests/", "benchmarks/", "playground/", "slack_playground/"))
    ]
