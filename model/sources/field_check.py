"""Fields that no table has, found in the text of kernels and hooks by following what their names stand for.

`m` is the machine, `frames(m)` and its like are tables and records, a local is what is assigned to it, a parameter
what the calls hand over. Nothing is imported but the layout of the tables.
"""

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mmrun.model.core.record import DECLARED, MACHINE
from mmrun.model.mechanisms import parts
from mmrun.model.sources.names import Module
from mmrun.model.sources.variant_file import Fault

parts("state")  # declares every table

OF_ARRAYS = ("shape", "size", "ndim", "T", "dtype")


class Kind(NamedTuple):
    """What an expression may stand for: a record (no dimensions), or an array of records or numbers."""

    dtype: np.dtype
    dimensions: int = 0


Kinds = frozenset[Kind]
NOTHING: Kinds = frozenset()


def kind_of(dtype: np.dtype, dimensions: int = 0) -> Kinds:
    """The kinds of a value of this type: none for a plain number."""
    if dtype.subdtype:
        base, shape = dtype.subdtype
        return frozenset([Kind(base, dimensions + len(shape))])
    return frozenset([Kind(dtype, dimensions)]) if dtype.names or dimensions else NOTHING


@dataclass
class Known:
    """What is known about one function so far; grows until nothing more is found."""

    source: Module
    node: ast.FunctionDef
    names: dict[str, Kinds] = field(default_factory=dict)
    answers: Kinds = NOTHING

    def learn(self, name: str, kinds: Kinds) -> None:
        """`name` may also stand for these."""
        self.names[name] = self.names.get(name, NOTHING) | kinds


class Program:
    """Functions that call each other. `strict`: a field of something unknown is a fault, too."""

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.known: dict[ast.AST, Known] = {}
        self.machine = kind_of(MACHINE)

    def check(self, sources: Iterable[Module]) -> list[Fault]:
        """The faults in the kernels and hooks of these modules."""
        return [fault for _, fault in self.faults(sources)]

    def faults(self, sources: Iterable[Module]) -> list[tuple[Module, Fault]]:
        """The same, each with its module."""
        roots = [self.function(source, node) for source in sources for node in compiled(source)]
        before = -1
        while before != (before := self._size()):
            for known in list(self.known.values()):
                _Reader(self, known).read()
        found: list[tuple[Module, Fault]] = []
        for known in roots:
            reader = _Reader(self, known, told=True)
            reader.read()
            found += [(known.source, fault) for fault in reader.faults]
        return found

    def _size(self) -> int:
        return sum(len(known.answers) + sum(map(len, known.names.values())) for known in self.known.values()) + len(
            self.known
        )

    def function(self, source: Module, node: ast.FunctionDef) -> Known:
        """What is known about a function; its first parameter is the machine if it is called `m`."""
        if node not in self.known:
            self.known[node] = Known(source, node)
            first = node.args.args[0].arg if node.args.args else ""
            if first == "m":
                self.known[node].learn("m", self.machine)
        return self.known[node]


def compiled(source: Module) -> Iterator[ast.FunctionDef]:
    """The functions of a module that are compiled, and `configure`, which sets fields too."""
    yield from source.decorated("kernel")
    yield from source.decorated("hook")
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "configure":
            yield node


class _Reader:
    """Goes through one function: what its names stand for, what it hands over, which fields there are not."""

    def __init__(self, program: Program, known: Known, told: bool = False) -> None:
        self.program, self.known, self.told = program, known, told
        self.faults: list[Fault] = []

    def read(self) -> None:
        for node in self.known.node.body:
            self.statement(node)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.FunctionDef():
                return  # compiled on its own, if at all
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self.assign(target, value, self.kinds(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, value, self.kinds(value))
            case ast.For(target=target, iter=ast.Tuple(elts=listed)):
                for each in listed:
                    self.assign(target, each, self.kinds(each))
            case ast.For(target=target, iter=over):
                self.assign(target, None, elements(self.kinds(over)))
            case ast.Return(value=ast.expr() as value):
                self.known.answers |= self.kinds(value)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.kinds(child)
        for part in ("body", "orelse", "finalbody"):
            for child in getattr(node, part, []):
                self.statement(child)
        for child in getattr(node, "handlers", []):
            for inner in child.body:
                self.statement(inner)

    def assign(self, target: ast.expr, value: ast.expr | None, kinds: Kinds) -> None:
        if isinstance(target, ast.Name):
            self.known.learn(target.id, kinds)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, other in zip(target.elts, value.elts, strict=True):
                self.assign(one, other, self.kinds(other, again=True))
        elif isinstance(target, ast.Tuple):
            for one in target.elts:
                self.assign(one, None, NOTHING)
        else:
            self.kinds(target)

    def kinds(self, node: ast.expr, again: bool = False) -> Kinds:
        """What an expression stands for. `again`: its faults were told before."""
        told, self.told = self.told, self.told and not again
        try:
            return self._kinds(node)
        finally:
            self.told = told

    def _kinds(self, node: ast.expr) -> Kinds:
        match node:
            case ast.Name(id=name):
                return self.known.names.get(name, NOTHING)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Subscript(value=value, slice=index):
                return self.element(node, self.kinds(value), index)
            case ast.Call():
                return self.call(node)
            case ast.IfExp(test=test, body=one, orelse=other):
                self.kinds(test)
                return self.kinds(one) | self.kinds(other)
            case ast.NamedExpr(target=target, value=value):
                kinds = self.kinds(value)
                self.known.learn(target.id, kinds)
                return kinds
            case ast.BoolOp(values=values):
                return frozenset().union(*map(self.kinds, values))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.kinds(child)
            elif isinstance(child, ast.comprehension):
                self.assign(child.target, None, elements(self.kinds(child.iter)))
        return NOTHING

    def attribute(self, node: ast.Attribute) -> Kinds:
        base = self.kinds(node.value)
        if not base:
            if self.program.strict and not self.is_module(node.value):
                self.fault(node, f"nobody knows what `{ast.unparse(node.value)}` is", "take it from a table of `m`")
            return NOTHING
        return self.of_field(node, base, node.attr)

    def of_field(self, node: ast.expr, base: Kinds, name: str) -> Kinds:
        """Field `name` of what `base` may be; a fault when none of them has it."""
        having = [(kind, fields[name][0]) for kind in base if (fields := kind.dtype.fields) and name in fields]
        if having:
            return frozenset().union(*(kind_of(dtype, kind.dimensions) for kind, dtype in having))
        if name not in OF_ARRAYS or not any(kind.dimensions for kind in base):
            listed = sorted({known for kind in base for known in kind.dtype.names or ()})
            near = difflib.get_close_matches(name, listed, n=2, cutoff=0.6)
            fix = "did you mean " + " or ".join(f"`{each}`" for each in near) + "?" if near else ""
            what = ast.unparse(node.value) if isinstance(node, ast.Attribute | ast.Subscript) else ast.unparse(node)
            known = f"fields: {', '.join(listed[:24])}{', ...' * (len(listed) > 24)}" if listed else "it is no record"
            self.fault(node, f"`{what}` has no field `{name}`", fix or known)
        return NOTHING

    def is_module(self, node: ast.expr) -> bool:
        """Whether an expression is an imported module or a class, whose attributes are none of ours."""
        found = self.known.source.find(node.id) if isinstance(node, ast.Name) else None
        return found is not None and isinstance(found.node, ast.Import | ast.ImportFrom | ast.ClassDef)

    def element(self, node: ast.expr, base: Kinds, index: ast.expr) -> Kinds:
        """What one element (or a slice) of an array is, or a record's field by name."""
        self.kinds(index)
        found: set[Kind] = set()
        indexes = index.elts if isinstance(index, ast.Tuple) else [index]
        singles = sum(not isinstance(each, ast.Slice) for each in indexes)
        for kind in base:
            if isinstance(index, ast.Constant) and isinstance(index.value, str):
                found |= self.of_field(node, frozenset([kind]), index.value)
            elif kind.dimensions:
                found |= kind_of(kind.dtype, max(0, kind.dimensions - singles))
        return frozenset(found)

    def call(self, node: ast.Call) -> Kinds:
        handed = [self.kinds(argument) for argument in node.args]
        for keyword in node.keywords:
            self.kinds(keyword.value)
        if not isinstance(node.func, ast.Name):
            if isinstance(node.func, ast.Attribute) and not self.is_module(node.func.value):
                self.kinds(node.func.value)
            return NOTHING
        found = self.known.source.find(node.func.id)
        if found is None or node.func.id in self.known.names:
            return NOTHING
        if isinstance(found.node, ast.FunctionDef):
            callee = self.program.function(found.module, found.node)
            for parameter, kinds in zip(found.node.args.args, handed, strict=False):
                callee.learn(parameter.arg, kinds)
            return callee.answers
        return table_of(found.module, found.node)

    def fault(self, node: ast.AST, message: str, fix: str) -> None:
        if self.told:
            line, column = getattr(node, "end_lineno", 1), getattr(node, "end_col_offset", 1)
            width = len(node.attr) if isinstance(node, ast.Attribute) else 0
            self.faults.append(Fault(line, column - width + 1 if width else column, message, fix))


def elements(kinds: Kinds) -> Kinds:
    """What walking over these yields."""
    return frozenset().union(*(kind_of(kind.dtype, kind.dimensions - 1) for kind in kinds if kind.dimensions))


def table_of(source: Module, node: ast.AST) -> Kinds:
    """What an accessor gives that `table`, `one` or `counts` declares: an array, or a record."""
    match node:
        case ast.Assign(value=ast.Call(func=maker, args=[ast.Constant(value=int(number)), *_])):
            accessor = DECLARED.get(number)
            if accessor and any(
                source.is_from(maker, "mmrun.model.core.record", each) for each in ("table", "one", "counts")
            ):
                return kind_of(accessor.kind, accessor.dimensions)
        case ast.Assign(value=ast.Call(func=maker, args=[ast.Constant(value=str()), ast.Name(id=declared), *_])):
            found = source.find(declared)
            if source.is_from(maker, "mmrun.model.core.parameters", "parameters") and found is not None:
                return kind_of(np.dtype([(name, "i8") for name in keys_of(found.node)]), 0)
    return NOTHING


def keys_of(node: ast.AST) -> list[str]:
    """The keys of a dictionary that is written out."""
    match node:
        case ast.Assign(value=ast.Dict(keys=keys)) | ast.AnnAssign(value=ast.Dict(keys=keys)):
            return [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return []
