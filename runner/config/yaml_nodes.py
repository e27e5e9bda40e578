"""Reads a YAML file into a small tree that knows where every value stands, and refuses what YAML leaves to guessing.

Bounds: 1 MiB a file, 32 levels, 100,000 nodes after aliases are expanded, one document. Tags, merge keys, repeated
keys, keys that are not text, empty values and YAML 1.1 surprises are errors, all reported together.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mmrun.model.files import NotRegular, TooLarge, read_regular
from mmrun.runner.config.problems import ConfigError, ConfigErrors, Place, Problems, suggest
from mmrun.runner.config.yaml_scalars import REFUSED, Trap, Value, plain
from mmrun.runner.terminal import CONTROL

__all__ = [
    "ConfigError", "ConfigErrors", "Item", "Mapping", "Place", "Problems", "Scalar", "Sequence", "load", "parse",
    "suggest",
]  # fmt: skip

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 100_000
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
JUNK = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
TAB_INDENT = re.compile(r"^( *)\t", re.MULTILINE)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value; `text` is how it was written, `quoted` whether in quotes."""

    place: Place
    value: Value
    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list."""

    place: Place
    items: tuple["Item", ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A mapping in file order; `keys` holds where each key stands."""

    place: Place
    items: dict[str, "Item"]
    keys: dict[str, Place]

    def get(self, key: str) -> "Item | None":
        """The value under `key`, or None."""
        return self.items.get(key)


Item = Scalar | Sequence | Mapping


def load(path: Path, problems: Problems, asked: Place | None = None) -> Mapping | None:
    """The mapping in the file at `path`, or None with the reasons in `problems`.

    `asked` is where the file was named; a file that cannot be read is reported there.
    """
    try:
        data = read_regular(path, MAX_BYTES)
    except TooLarge:
        problems.add(
            asked or Place(path), f"{path} is larger than {MAX_BYTES >> 20} MiB", "is this a configuration file?"
        )
        return None
    except OSError as error:
        fix = "copy it into a file" if isinstance(error, NotRegular) else "check the path and its permissions"
        problems.add(asked or Place(path), f"cannot read {path}: {error.strerror}", fix)
        return None
    return parse(data, path, problems)


def parse(data: bytes, path: Path, problems: Problems) -> Mapping | None:
    """The mapping that the bytes `data` of file `path` hold, or None with the reasons in `problems`."""
    text = decode(data, path, problems)
    if text is None:
        return None
    before = len(problems)
    try:
        guard(text, path, problems)
        node = yaml.compose(text, Loader=LOADER) if len(problems) == before else None
    except yaml.YAMLError as error:
        problems.add(*syntax(error, text, path))
        return None
    if node is None:
        return None
    item = Builder(path, problems).item(node)
    if isinstance(item, Mapping):
        return item
    if len(problems) == before:
        problems.add(item.place, "the file must hold a mapping of keys to values", "start with `experiment: <name>`")
    return None


def decode(data: bytes, path: Path, problems: Problems) -> str | None:
    """The text of a file, or None when it is too large, not UTF-8, or has control characters or tab indents."""
    if len(data) > MAX_BYTES:
        problems.add(Place(path), f"larger than {MAX_BYTES >> 20} MiB", "is this a configuration file?")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        place = Place(path, before.count(b"\n") + 1, column)
        problems.add(place, f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8 text")
        return None
    junk = JUNK.search(text)
    if junk:
        problems.add(at(text, junk.start(), path), f"control character U+{ord(junk[0]):04X}", "remove it")
        return None
    tabs = [at(text, match.end() - 1, path) for match in TAB_INDENT.finditer(text) if text[match.end() :].strip()]
    for place in tabs:
        problems.add(place, "a tab in the indentation", "indent with spaces")
    return None if tabs else text


def at(text: str, offset: int, path: Path) -> Place:
    """The place of a character offset."""
    return Place(path, text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def mark(path: Path, where: Any) -> Place:
    """The place of one of PyYAML's marks."""
    return Place(path, where.line + 1, where.column + 1)


def syntax(error: yaml.YAMLError, text: str, path: Path) -> tuple[Place, str, str]:
    """Place, message and fix of a YAML syntax error."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Place(path), f"not YAML: {str(error).splitlines()[0]}", ""
    place = Place(path, error.problem_mark.line + 1, error.problem_mark.column + 1)
    message = f"not YAML: {error.problem}" + (f" {error.context}" if error.context else "")
    return place, message, hint(error.problem or "", text, place)


def hint(problem: str, text: str, place: Place) -> str:
    """What usually helps against a YAML syntax error."""
    line = (text.splitlines() or [""])[min(place.line, text.count("\n") + 1) - 1 :][:1]
    if "tab" in problem or (line and "\t" in line[0]):
        return "indent with spaces"
    if "mapping values" in problem:
        return "quote a text that contains `: `"
    if "expected ',' or" in problem or "end of stream" in problem:
        return "a bracket or quote is not closed"
    if "undefined alias" in problem:
        return "define it first with &name"
    return "check indentation, brackets and quotes here"


def guard(text: str, path: Path, problems: Problems) -> None:
    """Refuse, before a tree is built, what could exhaust memory or means more than plain data."""
    depth = count = documents = 0
    for event in yaml.parse(text, Loader=LOADER):
        place = mark(path, event.start_mark)
        count += isinstance(event, yaml.NodeEvent)
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                problems.add(place, "a second YAML document in the file", "keep one; use `include` to share parts")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
            problems.add(place, f"the tag `{event.tag}` is not allowed here", "write plain values without `!` tags")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or count > MAX_NODES:
            what = f"nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_NODES:,} values"
            problems.add(place, what, "no configuration needs that much; split it with `include`")
            return
    if documents == 0:
        problems.add(Place(path, 1, 1), "the file is empty", "start with `experiment: <name>`")


class Builder:
    """Turns PyYAML's node graph into items, counting what aliases expand to; refused values stay in as such."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path, self.problems = path, problems
        self.left = MAX_NODES
        self.open: list[yaml.Node] = []  # from the root to the node being built: an alias to one of them is a cycle

    def item(self, node: yaml.Node) -> Item:
        """The item of a node."""
        place = self.place(node)
        self.left -= 1
        if self.left <= 0:
            if self.left == 0:
                self.problems.add(place, f"aliases expand to more than {MAX_NODES:,} values", "spell them out")
            return Scalar(place, REFUSED, "")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, place)
        if any(node is outer for outer in self.open):
            return self.refuse(place, "an alias inside the value that it names", "remove the alias")
        if len(self.open) > MAX_DEPTH:
            return self.refuse(place, f"aliases nest deeper than {MAX_DEPTH} levels", "spell them out")
        self.open.append(node)
        build: Any = self.sequence if isinstance(node, yaml.SequenceNode) else self.mapping
        built: Item = build(node, place)
        self.open.pop()
        return built

    def place(self, node: yaml.Node) -> Place:
        return mark(self.path, node.start_mark)

    def refuse(self, place: Place, message: str, fix: str) -> Scalar:
        self.problems.add(place, message, fix)
        return Scalar(place, REFUSED, "")

    def scalar(self, node: yaml.ScalarNode, place: Place) -> Scalar:
        if node.style:
            if hidden := CONTROL.search(node.value):  # written as an escape
                return self.refuse(place, f"control character U+{ord(hidden[0]):04X} in a text", "leave it out")
            return Scalar(place, node.value, node.value, quoted=True)
        if node.value == "":
            return self.refuse(place, "a value is missing", "write one, or null to take the default")
        value = plain(node.value)
        if isinstance(value, Trap):
            return self.refuse(place, value.message, value.fix)
        return Scalar(place, value, node.value)

    def sequence(self, node: yaml.SequenceNode, place: Place) -> Sequence:
        return Sequence(place, tuple(self.item(child) for child in node.value))

    def mapping(self, node: yaml.MappingNode, place: Place) -> Item:
        items: dict[str, Item] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key, value = self.key(key_node), self.item(value_node)
            if key is None:
                continue
            if key in keys:
                self.problems.add(self.place(key_node), f"`{key}` is given twice", f"first on line {keys[key].line}")
                continue
            keys[key], items[key] = self.place(key_node), value
        if not node.value:
            return self.refuse(place, "an empty mapping", "leave the key out, or write null to take the default")
        return Mapping(place, items, keys)

    def key(self, node: yaml.Node) -> str | None:
        """The text of a key, or None when it is refused."""
        place = self.place(node)
        if not isinstance(node, yaml.ScalarNode):
            self.problems.add(place, "a key must be text, not a list or mapping", "write `name: value`")
            return None
        if node.style and (hidden := CONTROL.search(node.value)):
            self.problems.add(place, f"control character U+{ord(hidden[0]):04X} in a key", "leave it out")
            return None
        if node.style:
            return str(node.value)
        if node.value == "<<":
            self.problems.add(place, "merge keys `<<` are not supported", "use `include`, or `base:` for a machine")
            return None
        value = plain(node.value)
        if isinstance(value, str) and value:
            return value
        if node.value == "":
            self.problems.add(place, "an empty key", "write `name: value`")
        else:
            text = node.value[:40]
            self.problems.add(place, f"the key `{text}` is not text for every YAML reader", f'write "{text}":')
        return None
