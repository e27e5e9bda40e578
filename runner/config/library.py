"""Where the shipped machines, traces and experiments are: `configs/`, in a checkout or installed."""

import os
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


def inside(path: Path, config: Path) -> str:
    """Why a file that `config` names may not be read, or nothing.

    Links followed, it is YAML below the folder above `config`'s, or below the shipped library: a configuration that a
    stranger wrote makes nobody read, and quote in messages, what lies elsewhere.
    """
    real = Path(os.path.realpath(path))
    home = Path(os.path.realpath(config)).parent.parent
    if real.suffix not in (".yaml", ".yml"):
        return (
            f"`{path}` is not named .yaml" if real.name == path.name else f"`{path}` leads to what is not named .yaml"
        )
    if real.is_relative_to(home) or real.is_relative_to(config_dir()):
        return ""
    return f"`{path}` lies outside {home}"


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
