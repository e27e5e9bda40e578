"""Digests of the model's source files."""

import hashlib
from functools import cache
from pathlib import Path

from model.cache import ROOT


@cache
def all_sources() -> str:
    """Of every file of the model."""
    return _digest(sorted((ROOT / "model").rglob("*.py")))


@cache
def own_sources() -> str:
    """Of what makes kernels into machine code."""
    return _digest([*sorted((ROOT / "model/library").glob("*.py")), ROOT / "model/jit.py"])


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
