"""What names mean in the sources of the model and of outside variants, by their syntax trees; nothing is imported."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from mmrun.model.core.cache import module_file
from mmrun.model.core.frozen import frozen


@frozen
class Bound:
    """What a name of a module is: the node that binds it, in which module, and what is imported if it is an import."""

    module: "Module"
    node: ast.AST
    source: str = ""
    """Module it is imported from."""
    name: str = ""
    """Its name there; empty for a module as a whole."""


class Module:
    """One parsed file. `name` is the dotted name of a module of the model, or the path of an outside file."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self.name, self.path, self.tree = name, path, tree
        self.bound: dict[str, Bound] = {}
        self.unknown_stars: list[str] = []
        """Modules outside the model from which everything is imported: any name may come from there."""
        for node in statements(tree.body):
            self._bind(node)

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
                self.bound[node.name] = Bound(self, node)
            case ast.Import():
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    self.bound[name] = Bound(self, node, alias.name if alias.asname else name)
            case ast.ImportFrom():
                self._bind_from(node)
            case _:
                for part in expressions(node):
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                        self.bound[part.id] = Bound(self, node)

    def _bind_from(self, node: ast.ImportFrom) -> None:
        source = node.module or ""
        for alias in node.names:
            if alias.name != "*":
                self.bound[alias.asname or alias.name] = Bound(self, node, source, alias.name)
            elif (other := module(source)) is None:
                self.unknown_stars.append(source)
            else:
                self.unknown_stars += other.unknown_stars
                self.bound |= {name: Bound(self, node, source, name) for name in other.public()}

    def public(self) -> list[str]:
        """The names that `import *` brings."""
        listed = self.bound.get("__all__")
        if listed and isinstance(listed.node, ast.Assign) and isinstance(listed.node.value, ast.List | ast.Tuple):
            return [str(part.value) for part in listed.node.value.elts if isinstance(part, ast.Constant)]
        return [name for name in self.bound if not name.startswith("_")]

    def find(self, name: str) -> Bound | None:
        """What `name` is, followed through imports to where it is made; None when nothing in the sources says."""
        found, seen = self.bound.get(name), 0
        while found is not None and found.name and seen < 20:
            other = module(found.source)
            if other is None:
                return found
            if found.name not in other.bound:
                return Bound(other, found.node) if module(f"{found.source}.{found.name}") else None
            found, seen = other.bound[found.name], seen + 1
        return found

    def is_from(self, node: ast.expr, source: str, name: str) -> bool:
        """Whether an expression is `name` of module `source`, by whatever name or alias."""
        if isinstance(node, ast.Attribute):
            return node.attr == name and isinstance(node.value, ast.Name) and self._names_module(node.value.id, source)
        found = self.bound.get(node.id) if isinstance(node, ast.Name) else None
        while found is not None and (found.source, found.name) != (source, name):
            other = module(found.source) if found.name else None
            found = other.bound.get(found.name) if other else None
        return found is not None

    def _names_module(self, name: str, source: str) -> bool:
        found = self.bound.get(name)
        return found is not None and source in (found.source, f"{found.source}.{found.name}")

    def decorated(self, name: str) -> Iterator[ast.FunctionDef]:
        """The functions under the decorator `name` of mmrun.model.core.jit, also those inside functions."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and any(
                self.is_from(each, "mmrun.model.core.jit", name) for each in node.decorator_list
            ):
                yield node


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that bind names of a module: those inside its functions and classes left out."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for part in ("body", "orelse", "finalbody"):
            yield from statements(getattr(node, part, []))
        for handler in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from statements(handler.body)


def expressions(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions of a statement, without the statements inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            yield child
            yield from expressions(child)


@cache
def module(name: str) -> Module | None:
    """A module of the model, or None for a name that is none."""
    path = module_file(name)
    return Module(name, path, ast.parse(path.read_text(encoding="utf-8"))) if path else None
