"""Says which files of a user's own a command is about to execute: `check` and `plan` only read them."""

import sys
from collections.abc import Iterable

from mmrun.model.description import Cell


def announce(cells: Iterable[Cell]) -> None:
    """Name on stderr every policy file from outside that these cells run."""
    files = {variant.file for cell in cells for variant in cell.policy.values() if variant.file}
    for file in sorted(files):
        print(f"executes the policy file {file}", file=sys.stderr)
