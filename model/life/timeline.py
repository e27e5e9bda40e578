"""What a cell can say of changes while it runs: the entries of its `timeline` (part of `description`)."""

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Literal

from mmrun.model.composed import Sysctl
from mmrun.model.core.mechanism import Matters
from mmrun.model.mm.swap.settings import HAS_SWAP
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import PAGE, Nanoseconds, Pages

MAX_ENTRIES = 10_000
BEFORE_THE_END = Matters(
    "a run that lasts until then",
    lambda case, entry: case.cell.duration is None or entry.at < case.cell.duration,
)
NoLimit = Literal["max"]


@record
class Limits(Record):
    """What is written into the files of a group, in the order of these fields; `max` lifts a limit."""

    min: Pages | None = None
    """memory.min (4.18)."""
    low: Pages | None = None
    """memory.low (4.0)."""
    high: Annotated[Pages, Range(ge=PAGE)] | NoLimit | None = None
    """memory.high (4.0). Since 4.6 the writer reclaims what is above it, since 5.5 in up to sixteen fruitless goes."""
    max: Annotated[Pages, Range(ge=64 * PAGE)] | NoLimit | None = None
    """memory.max (4.0) or memory.limit_in_bytes (v1). Of v2 since 4.6 it is set at once, and the writer reclaims and
    kills until usage is below; of v1, and before, the writer reclaims first and gets EBUSY where that does not do."""
    soft_limit: Pages | NoLimit | None = None
    """memory.soft_limit_in_bytes (v1)."""
    swap_max: Annotated[Pages, HAS_SWAP] | NoLimit | None = None
    """memory.swap.max (4.5): nothing is swapped in for it. Below what is in use: EBUSY until 4.17."""
    oom_group: bool | None = None
    """memory.oom.group (4.19)."""
    swappiness: Annotated[int, HAS_SWAP] | None = None
    """memory.swappiness (v1)."""


@record
class Change(Record):
    """Settings that are written: those of the machine first, then group by group."""

    vm: Sysctl = field(default_factory=Sysctl)
    """Settings under /proc/sys/vm. Those from which tables or daemons of the machine follow cannot change."""
    cgroups: dict[str, Limits] = field(default_factory=dict)
    """Limits by group; of a group with `count` one copy after the other."""


@record
class Reclaim(Record):
    """What is written into memory.reclaim."""

    cgroup: str | None = None
    """Name of the group, of one with `count` one copy after the other; None: the root."""
    size: Annotated[Pages, Range(ge=PAGE), Why("examples: 64MiB")]
    """How much is to be reclaimed."""
    swappiness: Annotated[int, Range(ge=0, le=200)] | NoLimit | None = None
    """Instead of the machine's (6.9); `max` takes anonymous memory only (6.16)."""


@record
class Entry(Record):
    """Something that is done at a time; one action each."""

    at: Annotated[Nanoseconds, BEFORE_THE_END, Why("examples: 2s, 500ms")]
    """When it is done; later where the entry before it is not done yet."""
    set: Change | None = None
    """Settings and limits are written."""
    drop_caches: Annotated[Literal[1, 2, 3], Why("1 page cache, 2 slab, 3 both")] | None = None
    """/proc/sys/vm/drop_caches: 1 takes clean page-cache pages that nobody maps, 2 shrinks slab caches, 3 does both."""
    reclaim: Reclaim | None = None
    """memory.reclaim of a group (5.19): EAGAIN where less was to be had."""
    force_empty: str | None = None
    """Name of a group: memory.force_empty (v1) reclaims all that it has; EBUSY while it has tasks."""
    remove: str | None = None
    """Name of a group: rmdir. EBUSY while it has tasks, or groups below it. What it holds then keeps it alive."""
    compact: Annotated[Literal[1], Why("1, as the file takes it")] | None = None
    """/proc/sys/vm/compact_memory: all zones are compacted."""

    def faults(self) -> Iterator[Fault]:
        """No action, or several."""
        given = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            what = "an entry does one thing" if given else "an entry without an action"
            yield Fault((given[1],) if given else (), what, f"write one of {', '.join(ACTIONS)} beside `at`")


ACTIONS = tuple(name for name in Entry.__dataclass_fields__ if name != "at")
