"""The walls of the house: who may import whom, how long things may get, what every file owes its reader."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mmrun", "model", "runner", "benchmarks", "tests")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PRODUCT = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("mmrun", "model", "runner")]

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70

NOT_IN_MODEL = {"benchmarks", "tests", "ray", "pydantic", "matplotlib", "pyarrow", "typer", "rich", "yaml"}
HEAVY = {"ray", "numba", "scipy", "pyarrow", "matplotlib", "numpy"}
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".cff", ".cfg", ""}
FORBIDDEN = {
    "placeholder": re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b|NotImple" r"mented(Error)?\b"),
    "package registry host": re.compile(r"pypi\.o" r"rg|pythonho" r"sted\.org|(extra-)?index-u" r"rl"),
    "private path": re.compile(r"(?<![\w.])/(work/(main|sha" r"red)|ro" r"ot/|home/[a-z])|/tmp/br" r"ief"),
}


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = ("mmrun", *parts) if parts[0] in ("model", "runner") else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def listed(name: str, path: Path) -> tuple[str, ...]:
    """The tuple of texts that a file assigns to a name; read, so that this test needs nothing installed."""
    values = [
        node.value for node in tree(path).body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return tuple(ast.literal_eval(values[0]))


MECHANISMS = listed("PACKAGES", ROOT / "model" / "mechanisms.py")


def at_import(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: not those inside functions, nor for type checkers only."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from at_import(node.orelse)
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from at_import(handler.body)


def named(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names imported by import statements among `nodes`: `a.b` for `import a.b`, `a.b.c` for `from a.b import c`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def modules_of(name: str) -> Iterator[str]:
    """The project modules that importing `name` runs: itself and the packages around it."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        if (module := ".".join(parts[:length])) in MODULES:
            yield module


@cache
def loads(module: str) -> frozenset[str]:
    """Project modules that `module` imports as it is imported."""
    wanted = named(at_import(tree(MODULES[module]).body))
    return frozenset(found for name in wanted for found in modules_of(name)) - {module}


def reachable(starts: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    todo = [found for start in starts for found in modules_of(start)]
    while todo:
        if (module := todo.pop()) not in seen:
            seen.add(module)
            todo += loads(module)
    return seen


def everything_named(path: Path) -> set[str]:
    return set(named(ast.walk(tree(path))))


def test_the_model_knows_nothing_of_the_runner():
    crossings = [
        f"{short(path)} imports {name}"
        for path in PRODUCT
        if path.relative_to(ROOT).parts[0] == "model"
        for name in everything_named(path)
        if name.split(".")[0] in NOT_IN_MODEL or name.startswith("mmrun.runner")
    ]
    assert not crossings


def test_the_product_needs_neither_tests_nor_benchmarks():
    crossings = [
        f"{short(path)} imports {name}"
        for path in PRODUCT
        for name in everything_named(path)
        if name.split(".")[0] in ("tests", "benchmarks")
    ]
    assert not crossings


def test_the_command_line_loads_nothing_heavy():
    commands = [name for name in MODULES if name.startswith("mmrun.runner.commands")]
    quick = ["mmrun.model.description", "mmrun.model.units", "mmrun.model.registry", "mmrun.model.core.cache"]
    apart = ("mmrun.model", "mmrun.runner", "mmrun.policy")
    quick += [name for name in MODULES if name.startswith("mmrun") and not name.startswith(apart)]
    heavy = [
        f"{module} imports {name} at module level"
        for module in sorted(reachable(["mmrun.runner.cli", *commands, *quick]))
        for name in named(at_import(tree(MODULES[module]).body))
        if name.split(".")[0] in HEAVY
    ]
    assert not heavy


def test_nobody_imports_variants_but_other_variants():
    crossings = [
        f"{short(path)} imports {name}"
        for path in PRODUCT
        if "variants" not in path.parts and path.relative_to(ROOT).parts[0] != "mmrun"
        for name in everything_named(path)
        if ".variants." in name
    ]
    assert not crossings


def package_of(module: str) -> str:
    """The mechanism that a module is part of, empty for those above them all."""
    inside = module.removeprefix("mmrun.model.")
    return next((each for each in MECHANISMS if inside == each or inside.startswith(each + ".")), "")


def is_kernel_code(module: str) -> bool:
    """Not what only declares (tables, dates, settings) nor what runs while a machine is built, checked, told of."""
    last = module.rpartition(".")[2]
    return last not in ("state", "since", "settings", "place", "check", "report") and ".variants." not in module


def test_kernels_call_only_downwards():
    """In the order of the list of mechanisms; what stands higher is reached through hooks."""
    rank = {name: place for place, name in enumerate(MECHANISMS)}
    upwards = [
        f"{module} of {own} imports {other}"
        for module in MODULES
        if module.startswith("mmrun.model.") and (own := package_of(module)) and is_kernel_code(module)
        for other in names_directly(module)
        if is_kernel_code(other) and (theirs := package_of(other)) and rank[theirs] > rank[own]
    ]
    assert not upwards


def test_tables_are_declared_with_nothing_but_the_ground_floor():
    """Everybody reads them, so they may come first: a `state.py` imports no other mechanism's code."""
    allowed = ("mmrun.model.core.", "mmrun.model.counters", "mmrun.model.machine.state")
    found = [
        f"{short(path)} imports {name}"
        for path in PRODUCT
        if path.name == "state.py"
        for name in everything_named(path)
        if not name.startswith(allowed) and ".settings." not in name
    ]
    assert not found


def test_every_mechanism_says_what_it_is():
    for name in MECHANISMS:
        text = ast.get_docstring(tree(MODULES[f"mmrun.model.{name}"])) or ""
        assert len(text) > 60, name


def test_imports_are_absolute():
    relative = [
        f"{short(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def names_directly(module: str) -> set[str]:
    """Project modules that `module` names in its imports, without the packages around them."""
    wanted = named(at_import(tree(MODULES[module]).body))
    return {found[-1] for name in wanted if (found := list(modules_of(name)))} - {module}


def test_no_module_imports_itself_by_a_detour():
    graph = {module: names_directly(module) for module in MODULES}
    while leaves := {module for module, others in graph.items() if not others & graph.keys()}:
        graph = {module: others for module, others in graph.items() if module not in leaves}
    assert not graph, "these modules import each other, or sit between modules that do"


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_files_and_functions_keep_their_budget():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    long_files = [f"{short(path)}: {count} lines" for path, count in lines.items() if count > MAX_FILE_LINES]
    long_functions = [
        f"{short(path)}:{node.lineno}: {node.name} has {length} lines"
        for path in SOURCES
        for node in functions(path)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long_files + long_functions


def is_hook(node: ast.AST) -> bool:
    """A hook is documented once, in the table of hooks it fills."""
    return any(ast.unparse(decorator).split(".")[-1] == "hook" for decorator in getattr(node, "decorator_list", []))


def test_public_names_are_documented():
    silent = [short(path) for path in SOURCES if tree(path).body and not ast.get_docstring(tree(path))]
    silent += [
        f"{short(path)}:{node.lineno}: {node.name}"
        for path in PRODUCT
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        if not node.name.startswith("_") and not is_hook(node) and not ast.get_docstring(node)
    ]
    assert not silent


def texts() -> list[Path]:
    """Every text file of the repository, what it generates left out."""
    skipped = {"build", "dist", "results", "node_modules"}
    found = [path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT]
    for top in ROOT.iterdir():
        if top.is_dir() and (top.name == ".ci" or not top.name.startswith(".")) and top.name not in skipped:
            found += [path for path in top.rglob("*") if path.is_file() and path.suffix in TEXT]
    return [path for path in found if "__pycache__" not in path.parts and ".egg-info" not in str(path)]


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_nothing_that_does_not_belong_in_a_repository(kind: str):
    hits = [
        f"{short(path)}:{number}: {match.group(0)}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := FORBIDDEN[kind].search(line))
    ]
    assert not hits


def test_the_walls_are_seen(tmp_path: Path):
    """The checks above look at what they claim to look at."""
    code = """
import numpy
if TYPE_CHECKING:
    import ray
def f():
    from scipy import stats
try:
    import numba
except E:
    import x.y
"""
    assert set(named(at_import(ast.parse(code).body))) == {"numpy", "numba", "x.y"}
    assert set(named(ast.walk(ast.parse(code)))) == {"numpy", "ray", "scipy.stats", "numba", "x.y"}
    assert "mmrun.model.core.cache" in loads("mmrun.model.library.single") and "mmrun.model" in reachable(
        ["mmrun.model.units"]
    )
    assert ROOT / "pyproject.toml" in texts() and len(SOURCES) > 10


def test_declarations_are_read_without_anything_heavy():
    """Axes, hooks and counters are read by `mmrun check` and `explain`."""
    found = {
        f"{short(path)} imports {name}"
        for path in PRODUCT
        if path.name == "settings.py"
        for name in everything_named(path)
        if name.split(".")[0] in HEAVY
    }
    assert not found


def test_dates_are_read_without_anything_else():
    """What changed with the versions of Linux is a list of lines; `mmrun check` reads it."""
    found = {name.rpartition(".")[0] for path in SOURCES if path.name == "since.py"
             for name in everything_named(path)}  # fmt: skip
    assert found == {"mmrun.model.core.timeline"}
