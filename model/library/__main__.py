"""`python -m mmrun.model.library build --target x86-64-v3`: kernels as machine code that goes with the package.

What is made lies in `model/library/shipped/`, where `setup.py` takes it from; users with such a CPU compile nothing.
"""

import argparse
import sys

from mmrun.model.library.machine import LEVELS
from mmrun.model.library.main import ship


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m mmrun.model.library", description=__doc__)
    parser.add_argument("what", choices=["build"])
    parser.add_argument("--target", choices=LEVELS, action="append", help="a CPU; may be repeated; default: all")
    arguments = parser.parse_args()
    for level in arguments.target or LEVELS:
        path = ship(level, lambda text: print(text, file=sys.stderr, flush=True))
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
