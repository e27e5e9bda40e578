"""mmrun from Python: check, plan, run and sweep experiments, and read their results.

    import mmrun

    problems = mmrun.check("swappiness.yaml")           # [] when all is well
    result = mmrun.run("swappiness.yaml", {"vm.swappiness": 100})
    runs = mmrun.sweep("swappiness.yaml", out="results/swappiness")
    runs.where({"policy.lru": "mglru"}).columns("misses", "elapsed_ns")

An experiment is a path, or a mapping with what its file would say. Nothing heavy is imported before it is needed,
nothing is printed, nothing ends the process; what is wrong is an exception: `ConfigError` has every error of a
configuration at once. `mmrun.policy` is what policy variants of one's own import. docs/api.md has more.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

# In a checkout the packages stand beside this folder, and are found there also where nothing was installed.
_beside = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.isfile(os.path.join(_beside, "model", "mechanisms.py")):
    __path__.append(_beside)

if TYPE_CHECKING:
    from mmrun.errors import ConfigError, Problem, ResultsError, RunError
    from mmrun.plans import Plan, check, plan
    from mmrun.running import Result, run, sweep
    from mmrun.runs import Runs, Series, load

__all__ = [
    "ConfigError", "Plan", "Problem", "Result", "ResultsError", "RunError", "Runs", "Series", "check", "load", "plan",
    "run", "sweep",
]  # fmt: skip
_HOMES = {
    "errors": ("ConfigError", "Problem", "ResultsError", "RunError"),
    "plans": ("Plan", "check", "plan"),
    "running": ("Result", "run", "sweep"),
    "runs": ("Runs", "Series", "load"),
}


def __getattr__(name: str) -> Any:
    """A public name, its module imported when it is first asked for."""
    for home, names in _HOMES.items():
        if name in names:
            found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
