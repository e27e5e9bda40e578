"""What the text of a variant's file shows to be wrong, before anything of it is imported or compiled.

Declarations (`mmrun.model.sources.variant_file`), hooks (known, of this axis, with their arguments, answering on every
path), names that nobody defines, and fields that no table has (`mmrun.model.sources.field_check`).
"""

import ast
import builtins
import difflib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from mmrun.model import registry
from mmrun.model.core.cache import package_folder
from mmrun.model.core.mechanism import CORE, MAX_PARAMS
from mmrun.model.core.timeline import LAST
from mmrun.model.eras import era
from mmrun.model.hooks import AXIS, HOOKS, TABLE, signature
from mmrun.model.mechanisms import MODEL, PACKAGES, module_of
from mmrun.model.sources import outside
from mmrun.model.sources.names import Module, module
from mmrun.model.sources.variant_file import Declared, Fault, declared

# What such a file defined once and nobody reads any more: where it is said now.
MOVED = {
    "pcp": dict.fromkeys(
        ("CHARGE_BATCH", "STOCKS"), "leave it out: the kernel's version says it (model/mm/memcg/since.py)"
    )
}


def faults(axis: str, path: str) -> list[Fault]:
    """Every fault that the text of the variant file at `path` shows, in order."""
    return list(_faults(axis, Path(path), outside.read(path).digest))


@cache
def _faults(axis: str, path: Path, _digest: str) -> tuple[Fault, ...]:
    found = declared(path)
    if found.tree is not None:
        source = Module(_module_name(path), path, found.tree)
        _imports(found, source)
        _helpers(found, source)
        _hooks(found, source, axis)
        _base(found, axis)
        if not _is_yardstick(found.tree):
            _completeness(found, source, axis)
        _undefined(found, source)
        _raises(found, source)
        from mmrun.model.sources.field_check import Program

        found.faults += Program().check([source])
    return tuple(sorted(set(found.faults)))


def _module_name(path: Path) -> str:
    return module_of(path) if path.is_relative_to(MODEL) else str(path)


def _targets(tree: ast.Module) -> Iterator[ast.expr]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from node.targets


def _is_yardstick(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "YARDSTICK" for node in _targets(tree))


def _base(found: Declared, axis: str) -> None:
    """BASE names a built-in variant of the axis that has hooks."""
    name = found.texts.get("BASE", "")
    if not name:
        return
    node = next(each for each in _targets(found.tree or ast.Module([], [])) if getattr(each, "id", "") == "BASE")
    known = registry.variants(axis)
    if name not in known:
        found.fault(node, f"`{axis}` has no built-in variant `{name}`", _near(name, known))
        del found.texts["BASE"]
    elif _is_yardstick(ast.parse(known[name].path.read_text(encoding="utf-8"))):
        found.fault(node, f"`{name}` is a yardstick, which has no hooks", "name another variant")
        del found.texts["BASE"]
    elif (count := len(known[name].params | found.params)) > MAX_PARAMS:
        found.fault(
            node, f"{count} parameters with those of `{name}`: the machine holds {MAX_PARAMS}", "leave some out"
        )


def _of_base(found: Declared, axis: str) -> set[str]:
    """The names that the file has from its base."""
    if not found.texts.get("BASE"):
        return set()
    file = registry.variant_info(axis, found.texts["BASE"]).path
    return set(Module(_module_name(file), file, ast.parse(file.read_text(encoding="utf-8"))).bound)


def _imports(found: Declared, source: Module) -> None:
    """Imports from modules of the model that have no such name, or of no such module."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.fault(
                node, "a relative import: the file is no part of a package", "write from mmrun.policy import ..."
            )
            continue
        else:
            wanted = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in wanted:
            if (
                name.split(".")[0] == "mmrun"
                and name != "mmrun"
                and package_folder(name) is None
                and module(name) is None
            ):
                found.fault(node, f"no module `{name}`", _near(name.rpartition(".")[2], _neighbours(name)))
        if isinstance(node, ast.ImportFrom) and (other := module(node.module or "")) is not None:
            for alias in node.names:
                if alias.name not in ("*", *other.bound) and module(f"{node.module}.{alias.name}") is None:
                    fix = _elsewhere(alias.name) or _near(alias.name, other.bound)
                    found.fault(alias, f"`{node.module}` has no `{alias.name}`", fix)


def _helpers(found: Declared, source: Module) -> None:
    """Imports that lead to no module, also those of the policy's own modules; names that such a module has not."""
    policy = outside.read(source.path)
    for name, file, line, column in policy.missing:
        if file == policy.path:
            found.faults.append(Fault(line, column, f"no module `{name}`", f"put {name}.py beside this file"))
        else:
            found.fault(None, f"no module `{name}`, which {file}:{line}:{column} imports", f"put {name}.py beside it")
    for node in ast.walk(source.tree):
        home = policy.home(node.module or "") if isinstance(node, ast.ImportFrom) and not node.level else ""
        if home and isinstance(node, ast.ImportFrom):
            _of_helper(found, node, policy, home)


def _of_helper(found: Declared, node: ast.ImportFrom, policy: outside.Outside, home: str) -> None:
    """Names that a module of the policy's own has not."""
    try:
        other = Module(str(policy.files[home]), policy.files[home], ast.parse(policy.sources[home]))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        found.fault(node, f"`{node.module}` is not a Python file: {error}")
        return
    if other.unknown_stars or "__getattr__" in other.bound:
        return
    for alias in node.names:
        if alias.name not in ("*", *other.bound) and not policy.home(f"{node.module}.{alias.name}"):
            found.fault(alias, f"`{node.module}` has no `{alias.name}`", _near(alias.name, other.bound))


def _elsewhere(name: str) -> str:
    """Where the state of this name is declared, if any is."""
    for package in PACKAGES:
        home = module(f"mmrun.model.{package}.state")
        if home is not None and name in home.bound and not home.bound[name].name:
            return f"write from {home.name} import {name}"
    return ""


def _neighbours(name: str) -> list[str]:
    """Modules beside the one of this name."""
    folder = package_folder(name.rpartition(".")[0])
    return [file.stem for file in folder.glob("*.py")] if folder else []


def _hooks(found: Declared, source: Module, axis: str) -> None:
    for node in source.decorated("hook"):
        if node.name not in TABLE:
            found.fault(node, f"no hook is called `{node.name}`", _near(node.name, HOOKS))
            continue
        owner = TABLE[node.name].axis
        if owner != axis:
            whose = f"the axis `{owner}`" if owner != CORE else "the core, which no variant replaces"
            found.fault(node, f"`{node.name}` is a hook of {whose}, not of `{axis}`", "leave it out")
        _arity(found, node)
        _answers(found, node)


def _arity(found: Declared, node: ast.FunctionDef) -> None:
    arguments = node.args
    count = len(arguments.posonlyargs) + len(arguments.args)
    odd = arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults
    if odd or count != HOOKS[node.name] + 1:
        what = f"`{node.name}` takes {count} argument{'s' * (count != 1)}" if not odd else f"`{node.name}` has others"
        wanted = f"{HOOKS[node.name] + 1} plain ones" if odd else str(HOOKS[node.name] + 1)
        found.fault(node, f"{what}, the hook has {wanted}", f"write def {signature(node.name)}:")


def _answers(found: Declared, node: ast.FunctionDef) -> None:
    """A hook answers a whole number on every path."""
    fix = f"return {TABLE[node.name].answer or 'a whole number'}"
    for part in _own(node):
        if isinstance(part, ast.Yield | ast.YieldFrom):
            found.fault(part, f"`{node.name}` yields", "a hook returns a whole number")
        if isinstance(part, ast.Return) and (kind := _not_whole(part.value)):
            found.fault(part, f"`{node.name}` answers {kind}, a hook a whole number", fix)
    if _falls_through(node.body):
        found.fault(node, f"`{node.name}` ends without an answer on some path", fix)


def _own(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function, those of functions inside it left out."""
    todo: list[ast.AST] = list(node.body)
    while todo:
        part = todo.pop()
        yield part
        if not isinstance(part, ast.FunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(part)


def _not_whole(value: ast.expr | None) -> str:
    """What an answer is, if its text shows that it is no whole number."""
    match value:
        case None | ast.Constant(value=None):
            return "nothing"
        case ast.Constant(value=bool() | int()):
            return ""
        case ast.Constant(value=constant):
            return repr(constant)[:40]
        case ast.BinOp(op=ast.Div()):
            return "a fraction (`/`; `//` divides whole numbers)"
        case ast.Tuple() | ast.List() | ast.Dict() | ast.Set() | ast.JoinedStr():
            return "a collection or text"
        case ast.IfExp(body=one, orelse=other):
            return _not_whole(one) or _not_whole(other)
    return ""


def _falls_through(body: list[ast.stmt]) -> bool:
    """Whether control can reach the end of these statements."""
    return not any(_ends(node) for node in body)


def _ends(node: ast.stmt) -> bool:
    """Whether control never goes on behind a statement."""
    match node:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return True
        case ast.If(body=body, orelse=other):
            return bool(other) and not _falls_through(body) and not _falls_through(other)
        case ast.While(test=ast.Constant(value=value)) if value:
            return not any(isinstance(part, ast.Break) for part in _of_loop(node.body))
        case ast.With(body=body):
            return not _falls_through(body)
        case ast.Try(body=body, handlers=handlers, orelse=other, finalbody=last):
            whole = not _falls_through([*body, *other]) and not any(_falls_through(each.body) for each in handlers)
            return whole or (bool(last) and not _falls_through(last))
        case ast.Match(cases=cases):
            everything = any(isinstance(each.pattern, ast.MatchAs) and each.pattern.pattern is None
                             and each.guard is None for each in cases)  # fmt: skip
            return everything and not any(_falls_through(each.body) for each in cases)
        case ast.Assert(test=ast.Constant(value=value)):
            return not value
    return False


def _of_loop(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a loop's body, those of loops inside it left out."""
    for node in body:
        yield node
        if not isinstance(node, ast.For | ast.While | ast.FunctionDef):
            yield from _of_loop(ast.iter_child_nodes(node))


def _completeness(found: Declared, source: Module, axis: str) -> None:
    """The hooks and constants that a variant of the axis must have, by itself or from another."""
    for target in _targets(source.tree):
        if isinstance(target, ast.Name) and (fix := MOVED.get(axis, {}).get(target.id)):
            found.fault(target, f"{target.id} is no part of a variant of `{axis}`", fix)
    if source.unknown_stars:
        return
    hooks = [name for name, spec in TABLE.items() if spec.axis == axis and not spec.default]
    known = {*source.bound, *_of_base(found, axis)}
    if missing := [name for name in hooks if name not in known]:
        take = f'define them, or keep those of another variant: BASE = "{era(LAST).policy[axis]}"'
        found.fault(None, f"the file defines no {' and no '.join(f'`{name}`' for name in missing)}", take)
    own = {target.id for target in _targets(source.tree) if isinstance(target, ast.Name)} | _of_base(found, axis)
    for name in AXIS[axis].constants:
        if name not in (own if name == "SCOPE" else known):  # SCOPE is read without following imports
            others = ' ("zone" or "node")' if name == "SCOPE" else ""
            found.fault(None, f"variants of `{axis}` define {name}, this file does not", f"write {name}{others}")


def _undefined(found: Declared, source: Module) -> None:
    """Names in kernels and hooks that nobody defines."""
    if source.unknown_stars:
        return
    for kind in ("hook", "kernel"):
        for node in source.decorated(kind):
            local = {part.id for part in ast.walk(source.tree) if isinstance(part, ast.Name)
                     and isinstance(part.ctx, ast.Store)}  # fmt: skip
            local |= {part.arg for part in ast.walk(source.tree) if isinstance(part, ast.arg)}
            local |= {part.name for part in ast.walk(source.tree)
                      if isinstance(part, ast.FunctionDef | ast.ExceptHandler | ast.MatchAs) and part.name}  # fmt: skip
            known = local | set(source.bound) | set(dir(builtins))
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and part.id not in known:
                    found.fault(part, f"nothing is called `{part.id}`", _near(part.id, {*source.bound, *local}))


def _raises(found: Declared, source: Module) -> None:
    """Exceptions in kernels and hooks whose words are not constant, which compiled code would have to allocate."""
    for node in (*source.decorated("hook"), *source.decorated("kernel")):
        for part in ast.walk(node):
            match part:
                case ast.Raise(exc=ast.Call(args=words)):
                    words = list(words)
                case ast.Assert(msg=ast.expr() as message):
                    words = [message]
                case _:
                    continue
            if not all(isinstance(word, ast.Constant) for word in words):
                found.fault(part, "an exception with words that are not constant", "kernels allocate nothing")


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=2, cutoff=0.6)
    return "did you mean " + " or ".join(f"`{each}`" for each in near) + "?" if near else ""
