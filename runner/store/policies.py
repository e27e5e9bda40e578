"""Outside policies as a sweep found them: `policies/<digest>/` in its directory, each with all that it imports.

Cells run from these copies, so that whoever edits a policy while a sweep runs changes nothing of it, and a result can
be made again when the policy has long gone on.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmrun.model.sources import outside
from mmrun.runner.store.store import make_directory, own_directory, write_atomic


def keep(out: Path, cells: Iterable[Any]) -> dict[str, str]:
    """Copy the outside policies of these planned cells; path -> path of the copy."""
    copies: dict[str, str] = {}
    for item in cells:
        for variant in item.cell.policy.values():
            if variant.file and variant.file not in copies:
                copies[variant.file] = copied(out, variant.file)
    return copies


def copied(out: Path, path: str) -> str:
    """Path of the copy of one policy, written unless it is there."""
    policy = outside.read(path)
    home = out.resolve() / "policies" / policy.digest
    copy = home / policy.path.name
    if not copy.is_file() or outside.read(copy).digest != policy.digest:
        own_directory(home.parent)
        own_directory(home)
        for name, data in policy.layout().items():
            make_directory((home / name).parent)
            write_atomic(home / name, data)
    return str(copy)
