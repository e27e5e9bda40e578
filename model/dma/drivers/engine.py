"""What a device does by itself: it moves bytes at the rate of its link, and waits where it must look up addresses.

Transfers of one direction follow each other. A translation that the device does not find in the IOTLB delays its own
transfer by all it takes, and those behind it by a share: `dma_walkers` of them are under way at a time.
"""

from mmrun.model.core.accounting import ASIDE, FAULT, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import sleep_until
from mmrun.model.dma.drivers.state import dma_driver_count, dma_driver_settings, dma_engines

PS = 1000


@kernel
def transfer(m, device, write, at, nbytes, walk_ns):
    """When a transfer of so many bytes that the device may begin `at` (ns) is over: its time, ns."""
    engine = dma_engines(m)[2 * device + write]
    moves, waits = nbytes * engine.each, walk_ns * PS
    start = max(engine.free, at * PS)
    held = max(moves, waits // dma_driver_settings(m).dma_walkers)
    engine.free = start + held
    engine.busy += held
    engine.walked += held - moves
    engine.bytes += nbytes
    dma_driver_count(m).dma_walk_ns += walk_ns
    return (start + moves + waits + PS - 1) // PS


@kernel
def until(m, at):
    """The running task waits for its device until time `at`; how long it did (ns)."""
    began = m.now
    if at > began:
        ends(m, FAULT)
        begins(m, ASIDE)
        sleep_until(m, at)
        ends(m, ASIDE)
        begins(m, FAULT)
    return m.now - began
