"""Print the measures of the code beside those of its start and their targets: `make measure`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from tests.naming import (
    RENDERING_FUNCTIONS,
    ROOT,
    Function,
    Module,
    find_banned,
    find_banned_names,
    find_duplicates,
    is_participle,
    is_verb,
    read_modules,
    read_word_lists,
    without_bad_examples,
)

VOICES = ("bot/slack/", "bot/cli/", "bot/__main__.py", "bot/i18n.py")
"""Where phrases are rendered for people."""


@dataclass(frozen=True)
class Measure:
    """A row of the table. start: the value at commit d95c8d4; target: what is aimed at; both as a person reads them."""

    name: str
    value: str
    start: str
    target: str


def share(part: int, whole: int) -> str:
    """Return a share in percent."""
    return f"{100 * part / max(whole, 1):.0f} %"


def is_below_views(module: Module) -> bool:
    """Return whether a module is below the layers that render phrases for people."""
    return not str(module.path).startswith(VOICES)


def count_tested(modules: Sequence[Module]) -> int:
    """Return how many modules have a file of tests that begins with their name."""
    tests = [path.stem for path in (ROOT / "tests").rglob("test_*.py")]
    return sum(any(test.startswith(f"test_{module.path.stem}") for test in tests) for module in modules)


def measure() -> list[Measure]:
    """Return every row."""
    code = read_modules("bot")
    modules = [module for module in code if not module.is_only_a_docstring]
    playground = read_modules("playground/slack_playground")
    core = [module for module in code if str(module.path).startswith("bot/core/")]
    functions = [function for module in modules for function in module.functions if not function.is_dunder]
    named = [function for function in functions if not function.is_property]
    sizes = sorted(module.lines for module in modules)
    lengths = sorted(function.lines for function in functions)
    lines = sum(sizes)
    prose = read_word_lists()["prose"]
    pages = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    documents = [without_bad_examples(path.read_text()) for path in pages]
    phrases = [phrase for module in modules for phrase in module.phrases]

    def among(chosen: Sequence[Function], holds: Callable[[Function], bool]) -> str:
        return share(sum(map(holds, chosen)), len(chosen))

    return [
        Measure("modules (without fronts of packages)", str(len(modules)), "227", "≤ 160"),
        Measure("median lines of a module", f"{median(sizes):.0f}", "102", "140 to 200"),
        Measure("lines of the largest module", str(sizes[-1]), "425", "≤ 400"),
        Measure("modules under 50 lines", str(sum(size < 50 for size in sizes)), "44", "≤ 10"),
        Measure("modules under 100 lines", share(sum(size < 100 for size in sizes), len(sizes)), "47 %", ""),
        Measure("lines of a function, median", f"{median(lengths):.0f}", "6", ""),
        Measure("lines of a function, 90th percentile", f"{quantiles(lengths, n=10)[-1]:.0f}", "16", ""),
        Measure("functions named by a verb", among(named, lambda one: is_verb(one.first_word)), "30 %", "≥ 60 %"),
        Measure(
            "functions named by a participle", str(sum(is_participle(one.first_word) for one in named)), "15 %", "0"
        ),
        Measure("functions with a docstring", among(functions, lambda one: bool(one.docstring)), "65 %", ""),
        Measure(
            "lines that are comments", f"{100 * sum(one.comment_lines for one in modules) / lines:.1f} %", "0.1 %", ""
        ),
        Measure("modules with a test of their name", share(count_tested(modules), len(modules)), "44 %", "≥ 70 %"),
        Measure(
            "public names of a module, mean",
            f"{sum(one.public_names for one in modules) / len(modules):.1f}",
            "5.9",
            "",
        ),
        Measure(
            "class names of several classes", str(len(find_duplicates([n for m in code for n in m.classes]))), "23", "0"
        ),
        Measure(
            "module names of several modules",
            str(len(find_duplicates([m.path.stem for m in modules if m.path.stem != "__init__"]))),
            "",
            "0",
        ),
        Measure(
            "phrases rendered below Slack and the command line",
            str(sum(len(m.find_calls(RENDERING_FUNCTIONS)) for m in modules if is_below_views(m))),
            "426",
            "0",
        ),
        Measure("names with a banned word", str(sum(len(find_banned_names(m)) for m in modules)), "", "0"),
        Measure(
            "banned words in docstrings and comments",
            str(len(find_banned([t for m in modules for t in m.prose], prose))),
            "",
            "0",
        ),
        Measure("banned words in the documents", str(len(find_banned(documents, prose))), "", "0"),
        Measure("banned words in phrases", str(len(find_banned(phrases, prose))), "", "0"),
        Measure("lines of the core", str(sum(module.lines for module in core)), "9,900", ""),
        Measure("lines of the playground", str(sum(module.lines for module in playground)), "4,061", ""),
        Measure("lines of the bot", str(lines), "27,600", ""),
    ]


def main() -> None:
    """Print the table."""
    rows = [("measure", "now", "d95c8d4", "target"), *((m.name, m.value, m.start, m.target) for m in measure())]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
