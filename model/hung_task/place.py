"""When the engine looks for signs of life first."""

from mmrun.model.hung_task.hung_task import LOOK_NS
from mmrun.model.hung_task.state import life
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import run_settings


def start(built: Built) -> None:
    """After a second, or when the run is over before."""
    m = built.memory.m
    life(m).stop_at = min(LOOK_NS, int(run_settings(m).duration))
