"""Where the shipped machines, traces and experiments are: `configs/` of a checkout, or the data package of a wheel."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = "mmrun_configs"


@cache
def config_dir() -> Path:
    """The directory that holds `machines/`, `traces/` and the experiments; FileNotFoundError if not installed."""
    if (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "configs").is_dir():
        return CHECKOUT / "configs"
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations if spec else None) or ():
        if Path(place).is_dir():
            return Path(place).resolve()
    raise FileNotFoundError(f"neither {CHECKOUT / 'configs'} nor the package {PACKAGE} is there: reinstall mmrun")
