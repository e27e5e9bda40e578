"""What it takes to begin: compiling once, starting a cell with cached kernels, a command line that answers at once."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, child_cpu, python, run_child, say
from mmrun.runner.config.library import config_dir

TINY = """
from benchmarks.machine import cell
from mmrun.model import api
from mmrun.model.units import MiB
api.simulate(cell(16 * MiB, "loop", 100, MiB))
"""
COMPILE = """
from mmrun.model import api
api.warm(None)
"""
MMRUN = [sys.executable, "-m", "mmrun.runner.cli"]


def warm_start() -> Row:
    """A cell that ends as soon as it begins, in a fresh process; kernels come from the cache."""
    took = child_cpu(python(TINY))
    importing = child_cpu(python("import numba, numpy"))
    return Row(
        "start", "warm start of a cell", took, "CPU s", took, "s", importing, "importing numba and numpy",
        0.8, 0.4, higher=False, note="from starting Python to the end of a cell of 100 accesses",
    )  # fmt: skip


def first_compile() -> Iterator[Row]:
    """Every kernel of every era, into an empty cache; how large that becomes."""
    with tempfile.TemporaryDirectory() as empty:
        child = run_child(python(COMPILE), {"NUMBA_CACHE_DIR": empty})
        size = sum(file.stat().st_size for file in Path(empty).rglob("*") if file.is_file())
    yield Row(
        "start", "first-ever compile, all eras", child.cpu_s, "CPU s", child.cpu_s, "s", floor=60, aim=45, higher=False
    )
    yield Row("start", "cache of kernels", size / 1e6, "MB", size / 1e6, "MB", floor=10, aim=2, higher=False)


def command_line() -> Iterator[Row]:
    """`--help`, `check`, `explain`, of an unknown name too, beside importing what any such command line needs.

    All of it runs from bytecode, as an installed program does, whatever the environment says about writing it.
    """
    with tempfile.TemporaryDirectory() as bytecode:
        env = {"PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
        base = child_cpu(python("import typer, pydantic, yaml"), 5, env)
        commands = [("mmrun --help", ["--help"])]
        commands += [(f"mmrun check {path.name}", ["check", str(path)]) for path in sorted(config_dir().glob("*.yaml"))]
        commands += [(f"mmrun explain {name}", ["explain", name]) for name in ("swappiness", "balance_pgdatt")]
        for label, arguments in commands:
            took = child_cpu([*MMRUN, *arguments], 5, env, ok=(0, 2))  # 2: nothing is called so
            yield Row(
                "start", label, took, "CPU s", took / base, "times the imports", base,
                "importing typer, pydantic and yaml", 2, 1.5, higher=False,
            )  # fmt: skip


def rows(quick: bool) -> Iterator[Row]:
    """All about starting; the compile from nothing is left out when quick."""
    yield warm_start()
    yield from command_line()
    if not quick:
        say("compiling everything from nothing")
        yield from first_compile()
