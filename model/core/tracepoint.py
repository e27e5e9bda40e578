"""Tracepoints, as a mechanism declares them in its `tracepoints.py` (include/linux/tracepoint.h, include/trace/events).

    mm_vmscan_kswapd_sleep = tracepoint(10, "vmscan", "mm_vmscan_kswapd_sleep", "nid", always("nid={nid}", "..."))

A kernel calls it as Linux does: `mm_vmscan_kswapd_sleep(m, nid)`. While nobody watches that is one load and one
branch; else its fields go to the ring (`mmrun.model.tracing`). Fields are 64-bit integers; one written `gfp:gfp` has a
`kind`, by which it is put into words. How a line reads is dated like everything else. Nothing
here imports numba.
"""

from collections.abc import Callable, Sequence
from typing import Any

from mmrun.model.core.jit import python_hook
from mmrun.model.core.record import offset_of
from mmrun.model.core.state import FIELDS, event
from mmrun.model.core.timeline import ABSENT, Line, Step
from mmrun.model.hooks import HOOK_INDEX

POINTS = 256  # numbers there are
DECLARED: dict[int, "Tracepoint"] = {}  # by number
ACTOR = "actor"  # the kind of a field that is an actor's row, or -1 - cpu: that CPU's idle task
KINDS: dict[str, Callable[[int], int | str]] = {ACTOR: str}  # how a field of a kind reads


class Tracepoint:
    """One tracepoint; `fields`: its names, `kinds`: what each means, "" for a number.

    `line`: by version how a line reads, a template, or a pair of the name it had then and a template. `also`: what
    scripts that read 6.18's events still call it. `opened_by`: the event that began what this one ends, "": none.
    """

    def __init__(
        self, number: int, system: str, name: str, fields: str, steps: tuple[Step, ...], also: str, opened_by: str
    ) -> None:
        self.number, self.system, self.name, self.also, self.opened_by = number, system, name, also, opened_by
        pairs = [field.partition(":") for field in fields.split()]
        self.fields, self.kinds = tuple(pair[0] for pair in pairs), tuple(pair[2] for pair in pairs)
        self.line = Line("tracepoint", name, steps)

    def __repr__(self) -> str:
        return f"<tracepoint {self.system}:{self.name}>"

    @property
    def layout(self) -> tuple[int, int, int, int, int]:
        """All that machine code knows of it: its number, how many fields, and three places in the machine record."""
        hook = offset_of("hooks", HOOK_INDEX["trace_event"])
        return self.number, len(self.fields), offset_of("tracing"), offset_of("address", event.number), hook

    @property
    def names(self) -> set[str]:
        """Its own name and those that it has in some versions."""
        return {self.name, *(step.value[0] for step in self.line.steps if isinstance(step.value, tuple))}

    @property
    def slice(self) -> str:
        """What it is called together with the event that ends what it begins."""
        return self.name.removesuffix("_begin").removesuffix("_start").removesuffix("_wake")

    def reads(self, version: str) -> tuple[str, str] | None:
        """Its name and template in a version of Linux, build options or none behind it; None where there is none."""
        found = self.line.at(version.partition("+")[0])
        if found is ABSENT:
            return None
        return found if isinstance(found, tuple) else (self.name, found)

    def __call__(self, m: Any, *values: int) -> None:
        """What the machine code does, where kernels are plain Python."""
        if m.tracing:
            for place, value in enumerate(values):
                event(m).fields[place] = value
            python_hook(int(m.hooks[HOOK_INDEX["trace_event"]]))(m, self.number, len(values))

    @property
    def _numba_type_(self) -> Any:
        """What kernels see."""
        from mmrun.model.library import intrinsics

        return intrinsics.type_of_tracepoint(self.name, self.layout)


def tracepoint(
    number: int, system: str, name: str, fields: str, *steps: Step, also: str = "", opened_by: str = ""
) -> Tracepoint:
    """Declare `system:name`; ValueError for a number or name that is taken, or a kind that nobody declared."""
    made = Tracepoint(number, system, name, fields, steps, also, opened_by)
    if number in DECLARED or any(other.name == name for other in DECLARED.values()):
        raise ValueError(f"{name}: the number {number} or the name is taken; {free_number()} is free")
    if not 0 <= number < POINTS or len(made.fields) > FIELDS:
        raise ValueError(f"{name}: numbers go to {POINTS - 1}, fields to {FIELDS}")
    if unknown := set(made.kinds) - {"", *KINDS}:
        raise ValueError(f"{name}: no kind {', '.join(sorted(unknown))}; known are {', '.join(KINDS)}")
    DECLARED[number] = made
    return made


def kind(name: str, words: Sequence[str] | Callable[[int], int | str]) -> None:
    """Declare a kind of field: the words of its values from 0 on, or what puts one into words.

    Words may be a subclass of str or int, whose properties templates can ask for: `{reason.old}`.
    """
    if name in KINDS:
        raise ValueError(f"the kind {name} is taken")
    KINDS[name] = words if callable(words) else words.__getitem__


def free_number() -> int:
    """The first number that nothing is declared at."""
    return next(number for number in range(POINTS) if number not in DECLARED)
