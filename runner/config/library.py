"""Where the shipped machines, traces and experiments are: `configs/`, in a checkout or installed."""

from functools import cache
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@cache
def config_dir() -> Path:
    """The directory that holds `machines/`, `traces/` and the experiments; FileNotFoundError if not installed."""
    if CONFIGS.is_dir():
        return CONFIGS
    raise FileNotFoundError(f"{CONFIGS} is not there: reinstall mmrun")


def machine_names(beside: Path | None = None) -> list[str]:
    """Names of the shipped machines, and of those in `machines/` next to the configuration `beside`."""
    folders = [config_dir() / "machines", *([beside.parent / "machines"] if beside else [])]
    return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})


def experiments() -> list[Path]:
    """The shipped experiment files."""
    return sorted(config_dir().glob("*.yaml"))


def locate(name: str, config: Path, kind: str) -> Path | None:
    """The file `name` next to `config`, in its folder `kind`, or among the shipped ones; None when absent."""
    for folder in (config.parent, config.parent / kind, config_dir() / kind):
        path = folder / name
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):  # a name too long or with a zero byte names no file
            return None
    return None
