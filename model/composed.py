"""Records to which every mechanism brings fields of its own: costs, and settings under /proc/sys/vm."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmrun.model.mechanisms import parts
from mmrun.model.rules.record import Fault, Record, record


def _composed(name: str, doc: str) -> Any:
    """A record of the fields that the mechanisms' settings.py give a class of this name."""
    bases = [vars(part)[name] for part in parts("settings") if name in vars(part)]

    def faults(self: Any) -> Iterator[Fault]:
        """What does not go together, by each mechanism."""
        for base in bases:
            yield from base.faults(self)

    return record(type(name, tuple(reversed(bases)), {"__doc__": doc, "__module__": __name__, "faults": faults}))


if TYPE_CHECKING:

    class Costs(Record):
        """CPU time of the kernel's steps."""

        def __init__(self, **given: int) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    class Sysctl(Record):
        """Settings under /proc/sys/vm."""

        def __init__(self, **given: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

else:
    Costs = _composed(
        "Costs", "CPU time of the kernel's steps. Estimates with ranges; docs/costs.md has where each comes from."
    )
    Sysctl = _composed(
        "Sysctl",
        "Settings under /proc/sys/vm, under the kernel's names. None = what the kernel computes or defaults to.",
    )
