"""What a recording leaves open, and the values it may have had: the model is run at each of them.

Every unknown has its range by argument, none is fitted. A case that is off is explained by one of them only if at one
value of it all its counts come out (`explained`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mmrun.model.description import Cell
from mmrun.model.units import MS
from tests.fidelity.cases import DISKS, MONITOR, disk, with_cpus, with_pages, with_phase, with_tlb
from tests.fidelity.recorded import Case

PAGES = 3  # what kernel memory is charged at the end differs by as much between repeats of one case
PHASES = (16, 64, 256)  # accesses by which the reader of memory.stat may come later than assumed
SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)  # of a guest's replay: how long its TLB may have kept translations
PERIODS = (1 * MS, 5 * MS // 2, 5 * MS, 10 * MS, 30 * MS)  # the same on the host, in time of the recording


@dataclass(frozen=True)
class Lasted:
    """How long the case took: in the model (ns), and as recorded (s)."""

    simulated: float
    recorded: float


@dataclass(frozen=True)
class Unknown:
    """Something that was not recorded; `cells`: value in words -> the case's cell at that value."""

    name: str
    why: str
    open_in: Callable[[Case], bool]
    cells: Callable[[Cell, Lasted], Iterator[tuple[str, Cell]]]


def is_mapped(case: Case) -> bool:
    """Whether the task reaches its pages through its page table, so that a TLB can hide an access from it."""
    return case.backend != "fileread"


def is_monitored(case: Case) -> bool:
    """Whether memory.stat was read every so many accesses."""
    return case.variant != "lazyflush"


def stale_on_host(case: Case) -> bool:
    """The TLB of a real CPU holds some 1,500 to 2,000 translations: all pages of a small case, few of a large one."""
    return is_mapped(case) and case.small and not case.guest and not case.on_disk


def _limits(cell: Cell, _: Lasted) -> Iterator[tuple[str, Cell]]:
    for more in (sign * pages for pages in range(1, PAGES + 1) for sign in (-1, 1)):
        yield f"{more:+d} page{'s' * (abs(more) > 1)}", with_pages(cell, more)


def _phases(cell: Cell, _: Lasted) -> Iterator[tuple[str, Cell]]:
    for later in PHASES:
        yield f"{later} accesses later", with_phase(cell, later)


def _shares(cell: Cell, lasted: Lasted) -> Iterator[tuple[str, Cell]]:
    for share in SHARES:
        yield f"every {100 * share:g} % of the replay", with_tlb(cell, round(lasted.simulated * share))


def _periods(cell: Cell, lasted: Lasted) -> Iterator[tuple[str, Cell]]:
    for period in PERIODS:
        scaled = lasted.simulated * period / (lasted.recorded * 1e9)
        yield f"every {period / MS:g} ms", with_tlb(cell, max(1, round(scaled)))


def _cpus(cell: Cell, _: Lasted) -> Iterator[tuple[str, Cell]]:
    yield "2 CPUs", with_cpus(cell, 2)


def _disks(cell: Cell, _: Lasted) -> Iterator[tuple[str, Cell]]:
    for words, figures in DISKS.items():
        yield words, replace(cell, machine=replace(cell.machine, disks={"disk": disk(*figures)}))


LIMIT = Unknown(
    "pages of the limit",
    "to a page, the limit is not known: kernel memory is charged a page sooner or later, and repeats of one case end "
    f"with up to {PAGES} pages of it more or less",
    lambda case: not case.on_disk,
    _limits,
)
PHASE = Unknown(
    "phase of the monitor",
    f"memory.stat was read every {MONITOR} accesses, at which of them within a round is not known",
    lambda case: is_monitored(case) and not case.on_disk,
    _phases,
)
TLB = Unknown(
    "flushes of the TLB",
    "the kernel clears accessed bits without a flush, so pages in use look idle until their translations go; how often "
    "the CPU turned to another address space is not known",
    lambda case: is_mapped(case) and case.guest,
    _shares,
)
HOST_TLB = replace(TLB, open_in=stale_on_host, cells=_periods)
CPUS = Unknown(
    "CPUs of the guest",
    "the guest of 6.12 did not tell how many it had; statistics wait until each has 64 changes",
    lambda case: case.kernel == "6.12",
    _cpus,
)
DISK = Unknown(
    "the disk",
    "its service time decides how many pages one reclaim call writes before those it wrote first come back clean",
    lambda case: case.on_disk,
    _disks,
)
UNKNOWNS = (LIMIT, PHASE, CPUS, TLB, HOST_TLB, DISK)
SENSITIVE = (LIMIT, PHASE)  # by which the model is compared with itself


def open_in(case: Case) -> tuple[Unknown, ...]:
    """The unknowns of a case."""
    return tuple(unknown for unknown in UNKNOWNS if unknown.open_in(case))
