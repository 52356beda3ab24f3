"""How the code is named and worded: what `make measure` prints and tests/test_naming.py holds."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]

PROPERTY_DECORATORS = frozenset({"property", "cached_property", "setter"})
"""Decorators that make a function an attribute, which may be a noun."""

PHRASE_FUNCTIONS = frozenset(
    {"Phrase", "plural_phrase", "translate", "ngettext", "N_", "render_phrase", "render_plural"}
)
"""Functions whose first argument is a phrase for people."""

RENDERING_FUNCTIONS = PHRASE_FUNCTIONS - {"Phrase", "plural_phrase", "N_"}
"""Those of them that return the phrase as text in a language."""

EN_VERBS = frozenset(
    """
    abandon accept acknowledge acquire act adapt add admit adopt advance allow announce answer append apply archive
    assign await bring build calculate call cancel change check choose claim clamp classify clean clear clip close
    collect combine commit compact compare compile compute confirm connect construct convert copy count create cut
    decide decode defer delete deliver describe detect determine diagnose disable discard discover dispatch do download
    downgrade downsample draw drop edit encode end enforce enqueue ensure escape estimate examine exclude expire explain
    extend extract fetch fill find finish fit flush fold follow forbid forget format generate get give group guard
    handle hash identify inspect infer ingest interpolate interrupt investigate iterate join judge keep launch learn
    leave limit list listen load locate lock log look make map mark mask match measure merge mount move mute neutralize
    normalise normalize observe occur offer open pack parse pause perform poll post postpone prefetch prepare preview
    print probe provision publish quote raise rank read readmit rebuild receive reclaim reconcile record recover redact
    redirect refill refresh refuse register reject relaunch release reload remember remove render replace replay reply
    report represent request requeue rescue reserve resolve respond restart restore resume return round run sample save
    scale scan schedule search select send serve set shorten show signal skip smooth sort spawn split start stop store
    strip submit suggest sum summarize swap sweep sync take tear tick tighten track translate trim truncate try unpack
    avoid become begin carry delay emit execute let link plan query queue sleep switch tail treat type
    unwrap update upgrade upload use validate verify wait wake walk warn withdraw wrap write yield
    """.split()
)
"""Verbs that begin the names of functions and the docstrings, besides the auxiliaries."""

AUXILIARIES = frozenset(
    "is are has have can may must should will was does needs accepts begins belongs covers ends fell leaves matches "
    "omits shares shows starts supports on to from with without ngettext n".split()
)
"""First words of a predicate, of a listener (`on_`), and of a conversion (`to_`, `from_`, `with_`)."""

IRREGULAR_PARTICIPLES = frozenset(
    "told asked said spent found made taken held given kept seen left known put sent begun gone done lost meant shown "
    "drawn written chosen stood stands over".split()
)
WIRE_WORDS = {
    "web_server": ["made"],  # asyncio's `connection_made`
}
"""Banned words that another party's names have, by module."""

NO_PARTICIPLES = frozenset({"need", "feed", "embed", "speed", "exceed", "proceed"})


def words_of(identifier: str) -> list[str]:
    """Return the lower-case words of an identifier.

    >>> words_of("_read_tail"), words_of("RunStatus"), words_of("MAX_BYTES")
    (['read', 'tail'], ['run', 'status'], ['max', 'bytes'])
    """
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", identifier)]


def is_participle(word: str) -> bool:
    """Return whether a word is a past participle, which is no name for a function.

    >>> is_participle("settled"), is_participle("told"), is_participle("need"), is_participle("read")
    (True, True, False, False)
    """
    return word not in NO_PARTICIPLES and (word in IRREGULAR_PARTICIPLES or (word.endswith("ed") and len(word) > 3))


def is_verb(word: str) -> bool:
    """Return whether a word begins the name of a function as a verb does."""
    return word in EN_VERBS or word in AUXILIARIES


def is_imperative(docstring: str) -> bool:
    """Return whether a docstring opens with a verb in the imperative."""
    first = re.match(r"[A-Za-z]+", docstring)
    return first is not None and first[0].lower() in EN_VERBS


@dataclass(frozen=True)
class Function:
    """A function or method of the code.

    Attributes:
        name: with the names around it, such as `Run.finish`; lines: of its whole definition.
        docstring: empty where it has none; is_property: whether it is read as an attribute.
    """

    module: "Module"
    name: str
    lines: int
    docstring: str
    is_property: bool

    @property
    def last_name(self) -> str:
        """Return its own name."""
        return self.name.rsplit(".", 1)[-1]

    @property
    def first_word(self) -> str:
        """Return the first word of its name."""
        return (words_of(self.last_name) or [""])[0]

    @property
    def is_dunder(self) -> bool:
        """Return whether Python gives its name."""
        return self.last_name.startswith("__")


@dataclass(frozen=True)
class Module:
    """A module of the code. path: relative to the repository."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Return its syntax tree."""
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        """Return how many lines it has."""
        return len(self.text.splitlines())

    @property
    def is_only_a_docstring(self) -> bool:
        """Return whether it is the front of a package and defines nothing."""
        return self.path.name == "__init__.py" and len(self.tree.body) <= 1

    @cached_property
    def functions(self) -> Sequence[Function]:
        """Return its functions and methods, those within functions included."""
        return tuple(self._list_functions(self.tree, ""))

    def _list_functions(self, node: ast.AST, prefix: str) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            name = f"{prefix}{getattr(child, 'name', '')}"
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                decorators = {ast.unparse(one).rsplit(".", 1)[-1] for one in child.decorator_list}
                lines = (child.end_lineno or child.lineno) - child.lineno + 1
                docstring = ast.get_docstring(child) or ""
                yield Function(self, name, lines, docstring, bool(decorators & PROPERTY_DECORATORS))
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            yield from self._list_functions(child, f"{name}." if inner else prefix)

    @cached_property
    def classes(self) -> Sequence[str]:
        """Return the names of its classes."""
        return tuple(node.name for node in self.tree.body if isinstance(node, ast.ClassDef))

    @cached_property
    def public_names(self) -> int:
        """Return how many public classes, functions and constants it defines."""
        names: set[str] = set()
        for node in self.tree.body:
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    names.add(name)
                case ast.Assign(targets=targets):
                    names |= {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
                case ast.AnnAssign(target=ast.Name(id=name)):
                    names.add(name)
        return sum(not name.startswith("_") for name in names)

    @cached_property
    def comment_lines(self) -> int:
        """Return how many lines are comments alone."""
        return sum(line.lstrip().startswith("#") for line in self.text.splitlines())

    @cached_property
    def phrases(self) -> Sequence[str]:
        """Return the phrases for people that it names."""
        return tuple(
            part.value
            for call in self.find_calls(PHRASE_FUNCTIONS)
            for part in call.args[:2]
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        )

    def find_calls(self, functions: Container[str]) -> Sequence[ast.Call]:
        """Return the calls of functions of these names, with arguments."""
        calls = (node for node in ast.walk(self.tree) if isinstance(node, ast.Call) and node.args)
        return tuple(call for call in calls if isinstance(call.func, ast.Name) and call.func.id in functions)

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Return every name that it defines or binds."""
        names = {
            node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        names |= {node.arg for node in ast.walk(self.tree) if isinstance(node, ast.arg)}
        defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        return frozenset(names | {node.name for node in ast.walk(self.tree) if isinstance(node, defined)})

    @cached_property
    def texts(self) -> Sequence[str]:
        """Return every text of more than one word in its code, docstrings aside: messages, help, errors, log lines.

        A value within a text is `{}`.
        """
        prose = {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Expr)}
        formatted = [node for node in ast.walk(self.tree) if isinstance(node, ast.JoinedStr)]
        inner = {id(part) for node in formatted for part in ast.walk(node)} | prose
        plain = [
            node.value
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
        ]
        return tuple(text for text in (*plain, *map(join_formatted, formatted)) if " " in text)

    @cached_property
    def prose(self) -> Sequence[str]:
        """Return its docstrings, the texts below its constants, and its comments."""
        texts = [
            node.value.value
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        ]
        return (*texts, *re.findall(r"(?m)(?:^|\s)# (.*)$", self.text))


def join_formatted(node: ast.JoinedStr) -> str:
    """Return the text of an f-string, with `{}` in place of its values."""
    parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return "".join(parts)


def list_page_texts(source: str) -> list[str]:
    """Return the texts of more than one word in a module of the playground's page: strings, and words between tags.

    >>> list_page_texts('/** Why. */ const a = <p title="Some words">No one, at {place}.</p>;')
    ['Some words', 'No one, at ']
    """
    code = re.sub(r"/\*.*?\*/|(?m:^\s*//.*$)", "", source, flags=re.DOTALL)
    found = re.findall(r'"([^"\n]*)"|`([^`]*)`|>([^<>{}=;()]* [^<>{}=;()]*)[<{]', code)
    return [text for match in found for text in match if re.search(r"[A-Za-z]+ [a-z]|[A-Za-z], [a-z]", text)]


def list_page_comments(source: str) -> list[str]:
    """Return the comments in a module of the playground's page.

    >>> list_page_comments('/** Why. */ const a = "http://x"; // here\\n')
    ['/** Why. */', ' // here']
    """
    return re.findall(r"/\*[\s\S]*?\*/|(?m:(?:^|\s)//\s[^\n]*)", source)


@cache
def read_modules(folder: str) -> tuple[Module, ...]:
    """Return the modules below a folder of the repository, by path: read and parsed once in a process."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return tuple(Module(path.relative_to(ROOT), path.read_text()) for path in paths if path.read_text().strip())


@cache
def read_word_lists() -> dict[str, list[str]]:
    """Return the lists of banned words in pyproject.toml."""
    lists: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["verlbot"]["words"]
    return lists


def find_banned(texts: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return what in some texts matches one of the patterns, each with the words around it."""
    search = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in patterns), re.IGNORECASE)
    return [
        " ".join(text[max(match.start() - 30, 0) : match.end() + 30].split())
        for text in texts
        for match in search.finditer(without_code(text))
    ]


def find_banned_names(module: Module) -> list[str]:
    """Return the names of a module that have a banned word, those that another party gives aside."""
    banned = set(read_word_lists()["identifiers"]) - set(WIRE_WORDS.get(module.path.stem, ()))
    return [name for name in sorted(module.identifiers) if banned & set(words_of(name))]


def without_code(text: str) -> str:
    """Return a text with what is quoted as code, and the examples of a docstring, blanked."""
    return re.sub(r"``?[^`]+``?|(?m:^\s*>>>.*$)", lambda quoted: " " * len(quoted[0]), text)


def without_bad_examples(page: str) -> str:
    """Return a page without the left cells of its tables headed "| not | but |", which quote what is not written."""
    tables = re.compile(r"(?m)^\| not \| but \|\n(?:\|.*\n?)*")
    return tables.sub(lambda table: re.sub(r"(?m)^\|[^|]*\|", "| |", table[0]), page)


def find_duplicates(names: Sequence[str]) -> list[str]:
    """Return the names that are there more than once."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def find_number_pairs(names: Sequence[str]) -> list[str]:
    """Return the names of which singular and plural are both there."""
    return sorted(name for name in set(names) if f"{name}s" in names)
