"""Where the configurations shipped with mmrun are: machines, traces, experiments.

They lie in `configs/` beside the packages, in a source tree as well as in an installed wheel.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "configs"
MACHINES = ROOT / "machines"
TRACES = ROOT / "traces"


def machine_names() -> list[str]:
    """Names of the shipped machines."""
    return sorted(path.stem for path in MACHINES.glob("*.yaml"))


def experiments() -> list[Path]:
    """The shipped experiment files."""
    return sorted(ROOT.glob("*.yaml"))


def beside(file: Path, name: str, shipped: Path) -> Path | None:
    """The file `name`, seen from the configuration `file` first, then among the shipped ones; None when absent."""
    for folder in (file.parent, shipped):
        path = folder / name
        if path.is_file():
            return path
    return None
