"""Compiling the model's kernels once per machine, before cells fan out.

Machine code is kept in files that all processes of a machine share; whoever comes second to the same code waits for
the first (`mmrun.model.library.place`). A mark named by the model's fingerprint saves looking.
"""

import hashlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mmrun.model  # noqa: F401  (names the cache directory in the environment)
from mmrun.model.description import Cell


def kernel_cache() -> Path:
    """Directory of the compiled kernels."""
    return Path(os.environ["NUMBA_CACHE_DIR"])


def mark(api: str, cells: Iterable[Cell]) -> Path:
    """The file whose existence says that the kernels these cells need are compiled on this machine."""
    module = importlib.import_module(api)
    needed = sorted((*kernels(cell), module.fingerprint(cell)) for cell in representatives(cells))
    return kernel_cache() / f"warm-{hashlib.sha256(repr([code(module), needed]).encode()).hexdigest()[:20]}"


def fresh() -> bool:
    """Whether what is built in is compiled."""
    return bool(importlib.import_module("mmrun.model.api").compiled())


def prepare(say: Callable[[str], None]) -> float:
    """Compile what is built in; seconds it took."""
    return float(importlib.import_module("mmrun.model.api").warm(None, say))


def code(module: Any) -> str:
    """Name of the present model code under this interpreter and numba."""
    parts = [module.__name__, sys.version, version("numba"), module.fingerprint(None)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def representatives(cells: Iterable[Cell]) -> list[Cell]:
    """One cell for each combination of kernel version and policy."""
    return list({kernels(cell): cell for cell in cells}.values())


def kernels(cell: Cell) -> tuple[str, str]:
    """What decides which kernels a run needs, as text."""
    return cell.kernel, repr(sorted(cell.policy.items()))


def warm_once(api: str, cells: list[Cell], say: Callable[[str], None] | None = None) -> float:
    """Compile what the cells need unless this machine has it; seconds it took, 0.0 where it was there.

    `say` is told what is being compiled.
    """
    done = mark(api, cells)
    if done.exists():
        return 0.0
    module = importlib.import_module(api)
    seconds = sum(module.warm(cell, say) for cell in representatives(cells))
    done.parent.mkdir(parents=True, exist_ok=True)
    done.touch()
    return float(seconds)
