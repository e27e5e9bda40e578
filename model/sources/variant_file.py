"""What a variant's file declares, read from its syntax tree: docstring, SOURCE, SCOPE, BASE, DRAWS, PARAMS...

`PARAMS = {name: (default, unit, meaning, source[, (least, most, why)])}`; a bound of None leaves that side open.
`RELATIONS = [("sample_us <= aggr_us", why), ...]` must hold between parameters. Every fault of a file is found at once.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from mmrun.model.core.mechanism import MAX_PARAMS
from mmrun.model.sources.param_rules import Param, Relation, parse_relation

LEAST, MOST = -(1 << 63), (1 << 63) - 1
TEXTS = {
    "SOURCE": None, "SCOPE": ("zone", "node"), "KEEPS": None, "NEEDS": None, "BASE": None, "YARDSTICK": None,
    "DRAWS": ("always", "with cgroups"),
}  # fmt: skip
RANDOM = {"rand", "random_bin", "following", "rng", "memcg_rng", "random"}  # what a kernel draws with
EXAMPLE = '"name": (default, "unit", "meaning", "source of the default")'
MAX_BYTES = 1 << 20
MAX_DEPTH = 200  # levels of its syntax tree; whoever walks it calls himself a few times a level


class Fault(NamedTuple):
    """One fault of a variant's file: where (line and column from 1), what is wrong, what to write."""

    line: int
    column: int
    message: str
    fix: str = ""


FUNCTION = re.compile(r"^(?:@|def )", re.MULTILINE)


@dataclass
class Declared:
    """What a file declares, with the faults that were found and its tree (None when it cannot be parsed)."""

    doc: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    constants: dict[str, int | str] = field(default_factory=dict)
    """Other names in capitals that are given a number, text or truth value."""
    params: dict[str, Param] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    tree: ast.Module | None = None

    def fault(self, node: ast.AST | None, message: str, fix: str = "") -> None:
        """Note a fault at a node, or at the file's beginning."""
        line, column = (getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1) if node else (1, 1)
        self.faults.append(Fault(line, column, message, fix))


def declared(path: Path, head: bool = False) -> Declared:
    """Read a variant's file. `head`: it is one of ours, which declare everything above their first function."""
    found = Declared()
    try:
        if path.stat().st_size > MAX_BYTES:
            found.fault(None, "the file is larger than 1 MiB", "a variant is one file of Python")
            return found
        text = path.read_text(encoding="utf-8")
        found.tree = ast.parse(FUNCTION.split(text, maxsplit=1)[0] if head else text)
    except SyntaxError as error:
        found.faults.append(Fault(error.lineno or 1, error.offset or 1, f"not a Python file: {error.msg}"))
    except (RecursionError, MemoryError):
        found.fault(None, "not a Python file: nested too deeply", "write it in shorter statements")
    except (ValueError, OSError) as error:
        found.fault(None, f"not a Python file: {error}")
    if found.tree is not None and not head and (deep := _deepest(found.tree)) is not None:
        found.tree = None
        found.fault(deep, f"nested deeper than {MAX_DEPTH} levels", "write it in shorter statements")
    if found.tree is not None:
        _read(found, found.tree)
    return found


def _deepest(tree: ast.Module) -> ast.AST | None:
    """A node beyond the deepest level that is read, if there is one."""
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return level[0] if level else None


def names_chance(tree: ast.Module) -> bool:
    """Whether the file names anything that kernels draw random numbers with."""
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name in RANDOM or (isinstance(node, ast.alias) and node.name.rpartition(".")[2] in RANDOM):
            return True
    return False


def _read(found: Declared, tree: ast.Module) -> None:
    found.doc = ast.get_docstring(tree) or ""
    if not found.doc:
        found.fault(None, "a variant's file starts with a docstring", "say in it what the variant is")
    relations = None
    for node in tree.body:
        match node:
            case ast.Assign(targets=targets, value=ast.expr() as value):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                names = [name]
            case _:
                continue
        for name in names:
            if name in TEXTS:
                _text(found, name, value)
            elif name == "PARAMS":
                _params(found, value)
            elif name == "RELATIONS":
                relations = value
            elif name.isupper() and isinstance(value, ast.Constant) and isinstance(value.value, int | str):
                found.constants[name] = value.value
    if not found.texts.get("SOURCE") and not any(fault.message.startswith("SOURCE") for fault in found.faults):
        found.fault(None, "the file has no SOURCE", 'write SOURCE = "where the algorithm comes from"')
    if relations is not None:
        _relations(found, relations)


def _literal(found: Declared, name: str, value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        found.fault(value, f"{name} is not written out", "write literal values: it is read without running the file")
        return None


def _text(found: Declared, name: str, value: ast.expr) -> None:
    before = len(found.faults)
    text = _literal(found, name, value)
    if len(found.faults) > before:
        return
    choices = TEXTS[name]
    if not isinstance(text, str):
        found.fault(value, f"{name} is text", f'write {name} = "..."')
    elif choices and text not in choices:
        found.fault(value, f"{name} is {text[:40]!r}", f"one of {', '.join(map(repr, choices))}")
    else:
        found.texts[name] = text


def _params(found: Declared, value: ast.expr) -> None:
    if not isinstance(value, ast.Dict):
        found.fault(value, "PARAMS is a dictionary that is written out", f"write PARAMS = {{{EXAMPLE}}}")
        return
    if len(value.keys) > MAX_PARAMS:
        what = f"{len(value.keys)} parameters: the machine holds {MAX_PARAMS} of a variant"
        found.fault(value.keys[MAX_PARAMS] or value, what, "leave some out")
    for key, spec in zip(value.keys, value.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isidentifier()):
            found.fault(key or spec, "the name of a parameter is text like a Python name", EXAMPLE)
        elif key.value in found.params:
            found.fault(key, f"the parameter `{key.value}` is given twice", "leave one out")
        elif (param := _param(found, key.value, spec)) is not None:
            found.params[key.value] = param


def _param(found: Declared, name: str, node: ast.expr) -> Param | None:
    before = len(found.faults)
    spec = _literal(found, f"the parameter `{name}`", node)
    if len(found.faults) > before:
        return None
    if not isinstance(spec, tuple) or len(spec) not in (4, 5) or not all(isinstance(text, str) for text in spec[1:4]):
        found.fault(node, f"the parameter `{name}` is not four or five things", EXAMPLE + ", and (least, most, why)")
        return None
    if not isinstance(spec[0], int):
        what = f"the default of `{name}` is {spec[0]!r}"
        found.fault(node, what, "a whole number, True or False: a machine record holds 64-bit integers")
    elif not LEAST <= spec[0] <= MOST:
        found.fault(node, f"the default of `{name}` does not fit 64 bits")
    if not spec[2] or not spec[3]:
        found.fault(node, f"the parameter `{name}` has no meaning or no source", EXAMPLE)
    bounds = spec[4] if len(spec) == 5 else (None, None, "")
    if not _is_range(bounds):
        found.fault(node, f"the range of `{name}` is not (least, most, why)", "None leaves a side open; why is text")
    if len(found.faults) > before:
        return None
    param = Param(*spec[:4], *bounds)
    if refusal := param.refusal(name, param.default):
        found.fault(node, f"default: {refusal.message}", refusal.fix)
    return param


def _is_range(bounds: Any) -> bool:
    if not isinstance(bounds, tuple) or len(bounds) != 3 or not isinstance(bounds[2], str):
        return False
    return all(bound is None or type(bound) is int for bound in bounds[:2])


def _relations(found: Declared, node: ast.expr) -> None:
    before = len(found.faults)
    listed = _literal(found, "RELATIONS", node)
    if len(found.faults) > before:
        return
    example = 'write RELATIONS = [("least <= most", "why")]'
    if not isinstance(listed, list | tuple):
        found.fault(node, "RELATIONS is a list", example)
        return
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    for part, entry in zip(parts, listed, strict=True):
        if not (isinstance(entry, tuple) and len(entry) == 2 and all(isinstance(text, str) for text in entry)):
            found.fault(part, "a relation is its text and why it must hold", example)
            continue
        try:
            relation = parse_relation(*entry, found.params)
        except ValueError as error:
            found.fault(part, str(error), example)
            continue
        found.relations.append(relation)
        if refusal := relation.refusal({name: param.default for name, param in found.params.items()}):
            found.fault(part, f"of the defaults, {refusal.message}", "mend the defaults or the relation")
