"""Compiling the model's kernels before cells fan out.

Machine code is kept in files that all processes of a machine share; whoever comes second to the same code waits for
the first and says so (`mmrun.model.library.place`).
"""

import importlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import mmrun.model  # noqa: F401  (names the cache directory in the environment)
from mmrun.model.description import Cell


def kernel_cache() -> Path:
    """Directory of the compiled kernels."""
    return Path(os.environ["NUMBA_CACHE_DIR"])


def fresh() -> bool:
    """Whether what is built in is compiled."""
    return bool(importlib.import_module("mmrun.model.api").compiled())


def prepare(say: Callable[[str], None]) -> float:
    """Compile what is built in; seconds it took."""
    return float(importlib.import_module("mmrun.model.api").warm(None, say))


def representatives(cells: Iterable[Cell]) -> list[Cell]:
    """One cell for each combination of kernel version and policy."""
    return list({kernels(cell): cell for cell in cells}.values())


def kernels(cell: Cell) -> tuple[str, str]:
    """What decides which kernels a run needs, as text."""
    return cell.kernel, repr(sorted(cell.policy.items()))


def warm_once(api: str, cells: list[Cell], say: Callable[[str], None] | None = None) -> float:
    """Compile what the cells need and this machine lacks: what is built in, and variants of their own; seconds.

    A process does so once for the same policies. `say` is told what is being compiled.
    """
    module = importlib.import_module(api)
    outside = [cell for cell in representatives(cells) if any(variant.file for variant in cell.policy.values())]
    wanted: dict[tuple[str, str], Cell | None] = {(api, ""): None} | {kernels(cell): cell for cell in outside}
    seconds = sum(module.warm(wanted[which], say) for which in wanted.keys() - _done)
    _done.update(wanted)
    return float(seconds)


_done: set[tuple[str, str]] = set()
