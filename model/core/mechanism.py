"""The words in which a mechanism declares itself: axes, hooks, counters (`settings.py`).

Nothing here imports anything of the model, so that `mmrun check` and `mmrun explain` read declarations at no cost.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

SLOTS = 256  # of the machine's table of hooks
MAX_AXES, MAX_PARAMS = 32, 32  # axes, and parameters of a variant, that a machine has room for
CORE = ""  # the axis of hooks that no variant defines
NO_FRAME = (1 << 31) - 1  # NONE of core/record.py, which imports numpy


class Axis(NamedTuple):
    """A policy axis: what it decides, its number (where its parameters stand), what a variant's file must define."""

    name: str
    number: int
    doc: str
    constants: tuple[str, ...] = ()
    matters: "Matters | None" = None


class Spec(NamedTuple):
    """One hook: the axis whose variants define it, its arguments after the machine, what its answer means.

    `failed` is the answer that stands for one that raised an exception: it ends the loops that ask, until the engine
    sees that the run is over. `default`: there is one for variants that define none. `slot`: its place in the table.
    `optional`: machines without its mechanism have none, and never ask.
    """

    axis: str
    arguments: tuple[str, ...]
    answer: str
    failed: int = 0
    default: bool = False
    slot: int = 0
    optional: bool = False


def hooks(
    axis: str,
    first: int,
    *specs: tuple[str, str, str] | tuple[str, str, str, int],
    default: bool = False,
    optional: bool = False,
) -> dict[str, Spec]:
    """Hooks of an axis, from slot `first` on: (name, arguments, meaning of the answer, failed).

    Slots are written out, so that a new hook moves none of another mechanism.
    """
    return {
        spec[0]: Spec(
            axis, tuple(spec[1].split()), spec[2], spec[3] if len(spec) == 4 else 0, default, first + place, optional
        )
        for place, spec in enumerate(specs)
    }


def joined(tables: Mapping[str, Mapping[str, Spec]]) -> dict[str, Spec]:
    """The hooks of all mechanisms; ValueError where two want one slot or name, or one lies beyond the table."""
    found: dict[str, Spec] = {}
    taken: dict[int, str] = {}
    for home, table in tables.items():
        for name, spec in table.items():
            if name in found or spec.slot in taken or not 0 <= spec.slot < SLOTS:
                holder = taken.get(spec.slot, "there already" if name in found else "beyond the table")
                raise ValueError(f"no slot for the hook {name} of {home}: {spec.slot} is {holder}")
            found[name], taken[spec.slot] = spec, name
    return found


class Counter(NamedTuple):
    """One counter: its kernel name, its unit, what it counts, and which direction is better."""

    name: str
    unit: str
    doc: str
    better: Literal["lower", "higher", "none"] = "none"


class Case(NamedTuple):
    """A resolved cell with what its choices say: what each axis' variant tells of itself, flags of its version."""

    cell: Any
    variants: Mapping[str, Any]
    flags: Mapping[str, Any]


class Told(NamedTuple):
    """What a mechanism tells of a finished run, of each thing of a kind: `task.<name>.<metric>`.

    `scope`: one of `SCOPES`. `sampled`: it is a gauge, told along the run, too. `when`: in which cells it is told.
    `counted`: only where there was something to count. `along`: a gauge told along the run, and not at its end.
    `total`: no gauge, but counted since the start.
    """

    scope: str
    table: Mapping[str, Counter]
    sampled: bool = False
    when: Callable[[Case], bool] | None = None
    counted: bool = False
    along: bool = False
    total: bool = False


SCOPES = {
    "machine": "of the machine", "node": "of each node (node<n>.)", "task": "of each task and copy (task.<name>.)",
    "tasks": "of each task, copies together (task.<name>.)",
    "copies": "of each task with copies (task.<name>.)", "cgroup": "of each group (cgroup.<name>.)",
    "disk": "of each disk (disk.<name>.)", "slab": "of each slab cache (slab.<name>.)",
    "map": "of each part of memory by address, along a run with `sampling.memory_map` (map.<n>.)",
}  # fmt: skip


class Matters(NamedTuple):
    """Says of a setting that it has an effect in some cells only: those for which `when` holds, in words `where`.

    It stands among the marks of a field's type, in `MATTERS` of a record for all its fields, in an `Axis`. `when` is
    asked with the case and the record that holds the field.
    """

    where: str
    when: Callable[[Case, Any], bool]

    def __repr__(self) -> str:
        """Without an address, which would differ from process to process."""
        return f"Matters(where={self.where!r})"


class Cause(NamedTuple):
    """What stands behind metrics, for who asks why they moved: counters that move with them, events that tell of them.

    `events`: names and patterns of tracepoints, as `mmrun run --events` takes them.
    """

    of: tuple[str, ...]
    counters: tuple[str, ...]
    events: tuple[str, ...] = ()


class Subject(NamedTuple):
    """What people ask for that is no name of ours: what stands for it here, or that nothing does.

    `also`: other words for it, as names of files under /proc and /sys. `see`: names that can be explained themselves.
    """

    name: str
    text: str
    see: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def counters(text: str, unit: str = "pages") -> dict[str, Counter]:
    """Parse lines `name | better | meaning [| unit]` into counters."""
    found = {}
    for line in text.strip().splitlines():
        name, better, doc, *own = (part.strip() for part in line.split("|"))
        found[name] = Counter(name, own[0] if own else unit, doc, better)  # type: ignore[arg-type]
    return found


def some(table: Mapping[str, Counter], names: Iterable[str]) -> dict[str, Counter]:
    """Some of the counters of a table."""
    return {name: table[name] for name in names}
