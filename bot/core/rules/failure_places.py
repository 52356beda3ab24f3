"""The place in a program where an error was raised, which makes its kind more exact than the error's own line does."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.frameworks import FRAMEWORK
from bot.core.model.failure import UNKNOWN_CAUSES, FailureKind, FailurePlace, contains_in_order

FRAME = 'File "'
MAIN_FRAMES = ("<frozen runpy>", "/runpy.py")
"""Parts of the frames that Python prints before that of the module that it runs."""

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
        errors="valueerror | assertionerror | notimplementederror | runtimeerror",
    ),
)
PLACES = [(place.frames.split(" | "), place) for place in (*FRAMEWORK.failures.places, *GENERAL_PLACES)]


@dataclass(slots=True)
class TracebackPlace:
    """Where the frames of the traceback that a process is printing are.

    Attributes:
        outer: the newest place among all frames; innermost: the place of the newest frame.
        has_frames: whether a frame of the program's own was printed: the first one says only which program it is.
    """

    outer: FailurePlace | None = None
    innermost: FailurePlace | None = None
    has_frames: bool = False

    def add_line(self, line: str) -> None:
        """Record a line of the traceback: a frame, its code, or what Ray prints of the task."""
        is_frame = line.lstrip().startswith(FRAME)
        if is_frame:
            self.innermost = None
            if not self.has_frames and line.rstrip().endswith("in <module>"):
                self.has_frames = True
                return
            self.has_frames = self.has_frames or not any(part in line for part in MAIN_FRAMES)
        self.outer = find_place(line, is_innermost=False) or self.outer
        self.innermost = find_place(line, is_innermost=True) or self.innermost

    def refine(self, kind: FailureKind, error: str) -> FailureKind:
        """Return the kind of an error by the place where it was raised."""
        for place in (self.outer, self.innermost):
            if place and kind in place.kinds and is_error_of(error, place.errors):
                return place.kinds[kind]
        return kind


def is_error_of(error: str, classes: str) -> bool:
    """Return whether the line of an exception begins with one of some classes, or all count.

    >>> is_error_of("ValueError: x", "valueerror | assertionerror"), is_error_of("KeyError: 'x'", "valueerror")
    (True, False)
    """
    return not classes or error.lower().startswith(tuple(classes.split(" | ")))


def find_place(line: str, is_innermost: bool) -> FailurePlace | None:
    """Return the place that a line of a traceback names, of those that count there; None for no such place."""
    return next(
        (
            place
            for texts, place in PLACES
            if place.is_innermost is is_innermost and any(contains_in_order(line, text) for text in texts)
        ),
        None,
    )
