"""The mechanisms, in the order in which they stand on each other and in which a machine is built.

A mechanism is a package, and this list is the only place that names them all. In each the same file says the same
thing, and is absent where there is nothing to say: `state.py` its tables, `since.py` what changed when, `place.py` from
the description to rows, `check.py` its law, `variants/<axis>/<variant>.py` its policies. Kernels of a package call
those of packages before it; they call later ones through hooks only (tests/test_tidy.py). Imports nothing but what it
is asked for.
"""

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType

PACKAGES = (
    "core", "tracing", "machine", "psi", "sched", "block", "fs.vfs",
    "mm.page", "mm.task", "mm.tlb", "mm.memcg", "mm.lru", "mm.idle", "mm.swap", "mm.writeback", "mm.reclaim",
    "mm.generations", "mm.damon", "mm.dirty_throttling", "mm.limits", "mm.migrate", "mm.compaction", "mm.alloc",
    "mm.zswap", "mm.huge", "mm.hugetlb", "mm.driver", "mm.cma", "mm.numa_balancing", "mm.tiering", "mm.fault",
    "fs.jbd2", "fs.ext4",
    "mm.khugepaged", "hung_task", "mm.slab",
    "dma.device", "dma.iova", "dma.iommu", "dma.swiotlb", "dma.direct", "dma.mapping", "dma.drivers",
    "net.link", "net.skb", "net.nic", "net.tcp_mem", "net.tcp", "net.session",
    "net.server", "net.nbd", "net.nfs", "net.iscsi", "net.rdma",
    "life",
)  # fmt: skip
MODEL = Path(__file__).parent


def folder(package: str) -> Path:
    """Where a mechanism's files are."""
    return MODEL.joinpath(*package.split("."))


def module_of(path: Path) -> str:
    """The module that a file of the model is."""
    return ".".join(("mmrun.model", *path.relative_to(MODEL).with_suffix("").parts))


@cache
def parts(name: str) -> tuple[ModuleType, ...]:
    """The module `name` of each mechanism that has one, imported."""
    files = [folder(package) / f"{name}.py" for package in PACKAGES]
    return tuple(importlib.import_module(module_of(file)) for file in files if file.is_file())


@cache
def variant_files(axis: str) -> dict[str, Path]:
    """The files of an axis' built-in variants, by name; they stand in the mechanisms that bring them."""
    return _variant_files().get(axis, {})


@cache
def _variant_files() -> dict[str, dict[str, Path]]:
    """Those of all axes."""
    found = [file for package in PACKAGES for file in folder(package).glob("variants/*/*.py")]
    files: dict[str, dict[str, Path]] = {}
    for file in sorted(found, key=lambda file: file.stem):
        files.setdefault(file.parent.name, {})[file.stem.replace("_", "-")] = file
    return files
