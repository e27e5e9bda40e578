"""Reads the manifest of a result directory. Somebody else may have written it: what a reader needs is checked."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mmrun.model.files import read_regular

MOST = 1 << 30  # bytes: a million cells take some three hundred million


class DamagedManifest(Exception):
    """The file is no manifest of a sweep; the text says why."""


KINDS = {"name": str, "fingerprint": str, "cells": list, "description": str, "report": dict}


def read_manifest(path: Path, needs: Collection[str] = ()) -> dict[str, Any]:
    """The manifest in a file, with the fields that the reader `needs`. Raises DamagedManifest, OSError."""
    try:
        found = json.loads(read_regular(path, MOST))
    except (ValueError, RecursionError) as error:
        raise DamagedManifest(str(error)) from None
    if not isinstance(found, dict):
        raise DamagedManifest("it holds no object")
    for name, kind in KINDS.items():
        if not isinstance(found[name], kind) if name in found else name in needs:
            raise DamagedManifest(f"`{name}` is missing or of another type")
    for cell in found.get("cells", ()):
        if not (isinstance(cell, dict) and isinstance(cell.get("key"), str) and isinstance(cell.get("axes"), dict)):
            raise DamagedManifest("a cell without key or axes")
    return found
