"""Digests of the model's source files."""

import hashlib
from functools import cache
from pathlib import Path

from mmrun.model.core.cache import ROOT


@cache
def all_sources() -> str:
    """Of every file of the model."""
    return _digest(sorted((ROOT / "model").rglob("*.py")))


@cache
def front_sources() -> str:
    """Of what makes kernels into IR."""
    return _digest([ROOT / f"model/library/{name}.py" for name in ("codes", "entry", "frontend", "intrinsics", "key")])


@cache
def link_sources() -> str:
    """Of what makes machine code of IR."""
    return _digest([ROOT / f"model/library/{name}.py" for name in ("link", "load", "machine")])


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
