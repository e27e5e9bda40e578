"""What is told of drivers' buffers."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.driver.settings import GAUGES
from mmrun.model.mm.driver.state import driver_count


def sampled(built: Built) -> dict[str, int]:
    """Pages of the buffers there are."""
    return {name: int(driver_count(built.memory.m)[name]) for name in GAUGES}
