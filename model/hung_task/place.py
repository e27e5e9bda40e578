"""When the engine looks for signs of life first, or is to be looked at."""

from collections.abc import Sequence
from typing import Any

from mmrun.model.core.actors import NEVER
from mmrun.model.hung_task.hung_task import LOOK_NS
from mmrun.model.hung_task.state import life
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import run_settings


def start(built: Built) -> None:
    """After a second, or when the run is over before."""
    life(built.memory.m).look_at = LOOK_NS
    show_at(built.memory.m, ())


def show_at(m: Any, times: Sequence[int]) -> None:
    """Let the engine stop at the first of these times (ns), too, so that the machine can be seen as it is then."""
    life(m).snapshot_at = times[0] if times else NEVER
    life(m).stop_at = min(run_settings(m).duration, life(m).look_at, life(m).snapshot_at)
