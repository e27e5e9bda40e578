"""From the names of the kernel to the files of the model: which function, class or module stands for what.

A name of the kernel is a word such as `shrink_node_memcgs` that a docstring, a comment or a source of `model/` names
and that is nothing of the model's own; beside them stand the model's functions, most of them called as the kernel's.
All is read from the syntax trees of the installed files: nothing is imported, and for one name only the files are
parsed in which it occurs.
"""

import ast
import difflib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mmrun.model.core.cache import ROOT

# What deals with Python, files or traces instead of with a kernel's mechanisms.
TOOLS = {
    "library", "trace", "yardstick", "workloads", "sources", "api", "build", "cache", "cpus", "guard", "jit",
    "kept", "law", "mechanism", "mechanisms", "memory", "record", "registry", "results", "units", "warmup",
}  # fmt: skip
WORD = re.compile(r"(?<![\w.*`-])(?:__)?[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w*]|\.(?:c|h|py)\b)")
VERSION = re.compile(r"(?<![\d.])(?:2\.6\.\d+|[3-7]\.\d{1,2})(?![\d.]*\d)")
ANY_WORD = re.compile(r"\b(?:__)?[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|(?<=def )\w+")
SHARED = 4  # letters in a row that a longer name and what was meant have in common
NEAR = 20
SENTENCE = re.compile(r"(?<=[.;])\s+")
OWN = {"on_fault", "per_cpu", "stack_prepare", "stack_start", "stack_switch", "ucontext_t", "x86_64"}
"""Words that look like names of the kernel and are none."""
BARE = "In the kernel:"  # begins a sentence that says nothing of what the function does
MESSAGES = {"BROKEN"}  # constants that hold what users are told


class Place(NamedTuple):
    """Where the model names something of the kernel, or defines something of that name."""

    file: str
    """Path from the directory that holds `model/`."""
    line: int
    """Line on which the name stands, from 1."""
    owner: str
    """The function, class or constant (`SOURCE`) there, or nothing: the module as a whole."""
    says: str
    """The sentence that names it; of a definition, the first one of its docstring."""
    defines: bool
    """Whether this is a function of that name, and no mention."""

    def versions(self) -> list[str]:
        """The versions of Linux that the sentence names."""
        return list(dict.fromkeys(VERSION.findall(self.says)))

    def __str__(self) -> str:
        what = f"{'defines ' * self.defines}{self.owner or 'the module'}"
        versions = f" [{', '.join(self.versions())}]" if self.versions() else ""
        return f"{self.file}:{self.line}: {what}{versions}" + f": {self.says}" * bool(self.says)


@dataclass
class Read:
    """What one file says: places by name, and the identifiers of its code that are no functions."""

    places: dict[str, list[Place]] = field(default_factory=dict)
    identifiers: set[str] = field(default_factory=set)

    def note(self, name: str, place: Place) -> None:
        """One more place; a function counts once however often it names something."""
        known = self.places.setdefault(name, [])
        if all((each.owner, each.defines) != (place.owner, place.defines) for each in known):
            known.append(place)


@cache
def files() -> tuple[Path, ...]:
    """The files of the model that stand for mechanisms of the kernel."""
    found = sorted((ROOT / "model").rglob("*.py"))
    return tuple(path for path in found if not TOOLS & {*path.relative_to(ROOT).parts, path.stem})


@cache
def text_of(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(text_of(path))


@cache
def read(path: Path) -> Read:
    """What a file says about the kernel."""
    reader = _Reader(path)
    reader.statements(reader.tree.body, "")
    reader.comments()
    return reader.found


def places(name: str) -> list[Place]:
    """Where the model defines or names `name`: definitions first, then in the order of files and lines."""
    stands = name if "_" in name else f"{name}("  # a single word is looked for among the functions only
    return _found(name, [read(path) for path in files() if stands in text_of(path)])


@cache
def names() -> dict[str, list[Place]]:
    """Every name of the kernel that the model names, and every function of the model, with their places."""
    at: dict[str, list[Read]] = {}
    for found in map(read, files()):
        for name in found.places.keys() | found.identifiers:
            at.setdefault(name, []).append(found)
    every = {name: _found(name, reads) for name, reads in sorted(at.items())}
    return {name: found for name, found in every.items() if found}


def words_like(name: str) -> list[str]:
    """Words of the files that are written nearly like `name`, the most alike first."""
    words = set(ANY_WORD.findall("\n".join(map(text_of, files()))))
    shared = {name[at : at + SHARED] for at in range(len(name) - SHARED + 1)}
    if len(name) > 2 * SHARED:  # in a shorter one a slip may leave nothing that long
        words = {word for word in words if any(part in word for part in shared)}
    return difflib.get_close_matches(name, sorted(words), n=NEAR, cutoff=0.6)


def _found(name: str, reads: list[Read]) -> list[Place]:
    """The places of a name in these files; none where the code calls something else by it."""
    found = [place for each in reads for place in each.places.get(name, [])]
    ours = name in OWN or any(name in each.identifiers for each in reads)
    if ours and not any(place.defines for place in found):
        return []
    return sorted(found, key=lambda place: (not place.defines, place.file, place.line))


def mentioned(at: list[Place]) -> bool:
    """Whether some text names it, so that it is a name of the kernel's."""
    return any(not place.defines for place in at)


class _Reader:
    """Goes through one file."""

    def __init__(self, path: Path) -> None:
        self.file = str(path.relative_to(ROOT))
        self.text = text_of(path)
        self.lines = self.text.splitlines()
        self.tree = tree_of(path)
        self.found = Read()
        self.owners: list[tuple[int, int, str]] = []
        self.about: dict[str, str] = {}  # the first paragraph of each function's docstring
        self.strings: list[ast.Constant | ast.JoinedStr] = []

    def statements(self, body: list[ast.stmt], owner: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.definition(node)
            else:
                self.expressions(node, owner or _assigned(node))

    def definition(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        first = min(each.lineno for each in (node, *node.decorator_list))
        while first > 1 and self.lines[first - 2].startswith("#"):  # a comment right above belongs to it
            first -= 1
        self.owners.append((first, node.end_lineno or node.lineno, node.name))
        if isinstance(node, ast.FunctionDef):
            name = node.name if node.name.startswith("__") else node.name.lstrip("_")
            says = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
            self.about[node.name] = says
            self.found.note(name, Place(self.file, node.lineno, node.name, says, True))
            self.found.identifiers |= {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
        self.statements(node.body, node.name)

    def expressions(self, node: ast.AST, owner: str) -> None:
        """The texts and identifiers of a statement, of those inside it too."""
        for part in ast.walk(node):
            match part:
                case ast.Constant(value=str(text)):
                    self.strings.append(part)
                    self.mentions(text, part.lineno, part.end_lineno or part.lineno, owner)
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.arg(arg=name):
                    self.found.identifiers.add(name)
                case ast.FunctionDef():
                    self.definition(part)

    def mentions(self, text: str, first: int, last: int, owner: str) -> None:
        """The names of the kernel in a text that stands on these lines."""
        for match in WORD.finditer(text) if owner not in MESSAGES else ():
            name = match.group()
            if name == text:
                continue  # how the code calls something
            if text[match.start() - 1 : match.start()] == "/" and not _of_names(text[: match.start() - 1]):
                continue  # a path
            line = next((n for n in range(first, last + 1) if name in self.lines[n - 1]), 0)
            if line:
                says = _sentence(text, match)
                if says.startswith(BARE):
                    says = f"{self.about.get(owner, '')} {says}".strip()
                self.found.note(name, Place(self.file, line, owner, says, False))

    def comments(self) -> None:
        """The names in comments; lines that follow each other are one text."""
        start, said = 0, list[str]()
        for number, line in enumerate([*self.lines, ""], 1):
            text = self.comment(number, line) if "#" in line else ""
            if text and said and not line.lstrip().startswith("#"):
                self.end_comment(start, said)
                said = []
            if text:
                start = start if said else number
                said.append(text)
            elif said:
                self.end_comment(start, said)
                said = []

    def end_comment(self, start: int, said: list[str]) -> None:
        owners = [name for first, last, name in self.owners if first <= start <= last]
        self.mentions(" ".join(said), start, start + len(said) - 1, owners[-1] if owners else "")

    def comment(self, number: int, line: str) -> str:
        """The comment on a line, without the hash; marks for tools are none."""
        for at in (match.start() for match in re.finditer("#", line)):
            inside = any(
                (each.lineno, each.col_offset) < (number, at + 1) <= (each.end_lineno or 0, each.end_col_offset or 0)
                for each in self.strings
                if each.lineno <= number <= (each.end_lineno or 0)
            )
            if not inside:
                text = line[at:].strip("# ")
                return "" if text.startswith(("fmt:", "noqa", "type:")) else text
        return ""


def _assigned(node: ast.stmt) -> str:
    """The name a statement of a module binds, such as SOURCE."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


def _of_names(before: str) -> bool:
    """Whether what stands before a slash is another name, as in `add_to_swap/folio_alloc_swap`."""
    return "_" in before.split()[-1] and "/" not in before.split()[-1] if before.split() else False


def _sentence(text: str, match: re.Match[str]) -> str:
    """The sentence of a text, or the part of it up to a semicolon, in which a match stands; of a table, the row."""
    first, last = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.end())
    if " | " in (row := text[first : last if last >= 0 else None]):
        return row.strip()
    end = 0
    for part in SENTENCE.split(text):
        start = text.index(part, end)
        end = start + len(part)
        if start <= match.start() < end:
            return " ".join(part.split())
    return " ".join(text.split())
