"""The place in a program where an error was raised, which makes its kind more exact than the error's own line does."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import UNKNOWN_CAUSES, FailureKind, FailurePlace, contains_in_order

FRAME = 'File "'
MAIN_FRAMES = ("<frozen runpy>", "/runpy.py")
"""Parts of the frames that Python prints before that of the module that it runs."""

FRAME_PARTS = re.compile(r'\s{0,40}File "([^"]{1,500})", line (\d{1,9}), in ([\w.<>]{1,120})')
INSTALLED = ("/site-packages/", "/dist-packages/")
STANDARD_LIBRARY = re.compile(r"/lib/python3[\d.]*/|^<")
"""Matches the files of Python itself, where they are not in one of the folders of installed packages."""

PASSED_LIBRARIES = re.compile(
    r"(?<!^/home)/(?:torch|ray|single_controller|hydra|omegaconf|tensordict|pydantic|pydantic_core|numpy|pandas|pyarrow|requests|urllib3|httpx|"
    r"httpcore|aiohttp|openai|jinja2|uvloop|uvicorn|fastapi|starlette|tqdm|dill|multiprocess|accelerate)/"
)
"""Matches the files of libraries that raise an error of what another program gave them; `/home/ray` is a home."""

MAX_PLACE_CHARACTERS = 120
PLACE_FOLDERS = 3
"""Folders that a place has before its file."""

GENERAL_PLACES: Sequence[FailurePlace] = (
    # An installed library that fails while it is imported
    FailurePlace(
        "/site-packages/ … , in <module> | /dist-packages/ … , in <module>",
        dict.fromkeys(UNKNOWN_CAUSES, FailureKind.LIBRARY_MISMATCH),
    ),
    # A download that was cut off, or whose server failed
    FailurePlace(
        "/huggingface_hub/file_download.py | /huggingface_hub/_snapshot_download.py | /datasets/download/ | in xet_get",
        dict.fromkeys(UNKNOWN_CAUSES, FailureKind.NETWORK),
    ),
    # A model or a tokenizer whose files the installed libraries cannot read
    FailurePlace(
        ", in from_pretrained | .from_pretrained( | , in load_model | , in _initialize_model",
        dict.fromkeys(UNKNOWN_CAUSES, FailureKind.MODEL_UNSUPPORTED),
    ),
    # Where settings are checked; code errors at such places are errors of code
    FailurePlace(
        ", in __post_init__ | , in validate_config | , in _validate_config | , in check_config | , in verify_ | "
        ", in _verify_ | /workers/config/ | /utils/config.py | /vllm/config | /arg_utils.py | /server_args.py | "
        "/transformer_config.py | /model_parallel_config.py",
        dict.fromkeys(UNKNOWN_CAUSES, FailureKind.CONFIG_VALUE),
        is_innermost=True,
        errors="^valueerror | ^assertionerror | ^notimplementederror | ^runtimeerror",
    ),
)
PlaceRows = Sequence[tuple[Sequence[str], FailurePlace]]


def list_rows(places: Sequence[FailurePlace]) -> PlaceRows:
    """Return places with the texts of their frames taken apart."""
    return [(place.frames.split(" | "), place) for place in places]


PLACES = list_rows((*FRAMEWORK.failures.places, *GENERAL_PLACES))
AREAS = list_rows(FRAMEWORK.failures.areas)

INTERFACE_ERROR = re.compile(
    r"AttributeError: (?:module '|type object '|'(?!(?:NoneType|str|list|dict|tuple|int|float|bool|set|bytes|function|"
    r"coroutine|ellipsis|DictConfig|ListConfig|Namespace)')\w)"
    r"|TypeError: (?![\w.<>]{0,120}Config\b)[\w.<>]{1,120}\(\) (?:missing \d|takes |got an unexpected|got multiple)"
)
"""Matches what Python says of two parts of a program that do not know each other's names: as a rule, libraries of two
versions. Plain values and settings are left out."""

VERSION_DEMAND = re.compile(r"\b[A-Za-z][\w-]{1,40}(?:(?:>=|==|<=|~=)v?\d{1,5}\.\d| (?:>=|<=) v?\d{1,5}\.\d{1,5}\.\d)")
"""Matches the version of a library that an error asks for, such as `flash-attn>=2.4`."""

MAX_DEMAND_CHARACTERS = 1000
"""Maximum characters of an error that are searched for it."""

UNNAMED_VALUE = re.compile(r"(?:ValueError|NotImplementedError): (?:Unknown|Unsupported|unknown|unsupported)\b")
"""Matches an error of a value that may be any: of a setting, of a model, or of the code's own."""

SETTING_ERRORS = ("ValueError", "AssertionError", "NotImplementedError", "RuntimeError", "TypeError")
"""Classes of exceptions that are raised about a setting."""


@dataclass(slots=True)
class TracebackPlace:
    """Where the frames of the traceback that a process is printing are.

    Attributes:
        outer: the places among all frames, the newest last; innermost: those of the newest frame.
        areas: the parts of the framework among all frames, the newest last.
        own_frame: the newest frame that is neither Python's nor of a library that merely passes an error on; empty for
            none.
        has_frames: whether a frame of the program's own was printed: the first one says only which program it is.
    """

    outer: list[FailurePlace] = field(default_factory=list)
    innermost: list[FailurePlace] = field(default_factory=list)
    areas: list[FailurePlace] = field(default_factory=list)
    own_frame: str = ""
    has_frames: bool = False

    def add_line(self, line: str) -> None:
        """Record a line of the traceback: a frame, its code, or what Ray prints of the task."""
        is_frame = line.lstrip().startswith(FRAME)
        if is_frame:
            self.innermost = []
            if is_own_frame(line):
                self.own_frame = line
            if not self.has_frames and line.rstrip().endswith("in <module>"):
                self.has_frames = True
                return
            self.has_frames = self.has_frames or not any(part in line for part in MAIN_FRAMES)
        add_newest(self.outer, find_places(PLACES, line, is_innermost=False))
        add_newest(self.areas, find_places(AREAS, line, is_innermost=False))
        self.innermost = find_places(PLACES, line, is_innermost=True) or self.innermost

    def refine(self, kind: FailureKind, error: str) -> FailureKind:
        """Return the kind of an error by the place where it was raised, and by what it names."""
        if kind is FailureKind.CONFIG_VALUE and UNNAMED_VALUE.match(error):
            by_place = self.refine(FailureKind.CODE_ERROR, error)
            return kind if by_place in (FailureKind.CODE_ERROR, FailureKind.USER_CODE) else by_place
        places = (*reversed(self.outer), *self.innermost)
        exact = next((one.kinds[kind] for one in places if kind in one.kinds and is_error_of(error, one.errors)), None)
        is_library = bool(self.own_frame) and not is_user_code(self.own_frame)
        is_interface = kind in (*UNKNOWN_CAUSES, FailureKind.CONFIG_KEY) and INTERFACE_ERROR.match(error) is not None
        if is_library and is_interface and exact is not FailureKind.REWARD_CODE:
            return FailureKind.LIBRARY_MISMATCH
        if exact:
            return exact
        if kind not in UNKNOWN_CAUSES or error.startswith("ray.exceptions."):
            return kind
        if VERSION_DEMAND.search(error[:MAX_DEMAND_CHARACTERS]):
            return FailureKind.LIBRARY_MISMATCH
        if error.startswith(SETTING_ERRORS) and FRAMEWORK.failures.find_settings(error, self.own_frame):
            return FailureKind.CONFIG_VALUE
        return self._find_area(kind, error)

    def _find_area(self, kind: FailureKind, error: str) -> FailureKind:
        """Return the kind that the part of the program gives to an error that says nothing else of its cause."""
        own = find_places(AREAS, self.own_frame, is_innermost=True)[:1]
        # A program that raises an error itself, outside of any function, has one frame alone.
        program = find_places(AREAS, self.own_frame, is_innermost=False)[:1]
        for area in (*reversed(self.areas), *program, *own):
            if kind in area.kinds and is_error_of(error, area.errors):
                return area.kinds[kind]
        is_users = bool(self.own_frame) and is_user_code(self.own_frame) and kind is not FailureKind.ASSERTION
        return FailureKind.USER_CODE if is_users else kind


def add_newest(places: list[FailurePlace], newest: Sequence[FailurePlace]) -> None:
    """Add places, or move them to the end of those that are known: the first of them comes last."""
    if newest:
        places[:] = [place for place in places if place not in newest]
        places.extend(reversed(newest))


def is_own_frame(frame: str) -> bool:
    """Return whether a frame is of a program or a library that may be the cause of an error.

    >>> is_own_frame('  File "/x/verl/a.py", line 3, in f'), is_own_frame('  File "/usr/lib/python3.12/ast.py", line 3')
    (True, False)
    """
    match = FRAME_PARTS.match(frame)
    if match is None or PASSED_LIBRARIES.search(match[1]):
        return False
    return any(part in match[1] for part in INSTALLED) or STANDARD_LIBRARY.search(match[1]) is None


def is_user_code(frame: str) -> bool:
    """Return whether a frame is of a team's own code: neither installed, nor the framework's or one of its engines'.

    >>> is_user_code('  File "/root/my/score.py", line 3, in f'), is_user_code('  File "/root/verl/a.py", line 3, in f')
    (True, False)
    """
    match = FRAME_PARTS.match(frame)
    is_installed = match is None or any(part in match[1] for part in INSTALLED)
    return not is_installed and not find_places(AREAS, frame, is_innermost=True)


def describe_place(frame: str) -> str:
    """Return a frame in short: the end of the path, the line and the function; empty for no frame.

    >>> describe_place('  File "/opt/env/lib/python3.11/site-packages/verl/protocol.py", line 3, in chunk')
    'verl/protocol.py, line 3, in chunk'
    """
    match = FRAME_PARTS.match(frame)
    if match is None:
        return ""
    path = next((match[1].rpartition(part)[2] for part in INSTALLED if part in match[1]), match[1])
    short = "/".join(path.split("/")[-PLACE_FOLDERS - 1 :])
    return f"{short[-MAX_PLACE_CHARACTERS:]}, line {match[2]}, in {match[3]}"


def is_error_of(error: str, texts: str) -> bool:
    """Return whether the line of an exception contains one of some texts, or all count.

    >>> is_error_of("ValueError: x", "^valueerror | ^assertionerror"), is_error_of("KeyError: 'x'", "^valueerror")
    (True, False)
    """
    return not texts or any(contains_in_order(error.lower(), text) for text in texts.split(" | "))


def find_places(rows: PlaceRows, line: str, is_innermost: bool) -> list[FailurePlace]:
    """Return the places that a line of a traceback names, of those that count there."""
    return [
        place
        for texts, place in rows
        if place.is_innermost is is_innermost and any(contains_in_order(line, text) for text in texts)
    ]
