"""Parameters of policy variants, by name: `params(m).in_shares` in the hooks of a file with `params = parameters(...)`.

Every file that declares parameters has a record of its own, filled with their defaults, so that hooks another variant
takes over from it find what they were written for. The chosen variant's values go into its own record, and where it
declares a parameter again that hooks it took over know, into theirs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mmrun.model.core.mechanism import MAX_AXES, MAX_PARAMS
from mmrun.model.core.record import Accessor, one, row
from mmrun.model.hooks import AXIS

OUTSIDE = 480  # address of the parameters of an outside variant of axis 0, of axis 1 ...
for _number in range(OUTSIDE, OUTSIDE + MAX_AXES):
    one(_number, f"outside_{_number - OUTSIDE}", row(words=("i8", (MAX_PARAMS,))))
_defaults: dict[Accessor, dict[str, int]] = {}


class Outside(Accessor):
    """The parameters of an outside file, which share an address with those of others of its axis."""

    def __call__(self, m: Any) -> Any:
        """The record, of the machine `m`."""
        words = super().__call__(m).words
        return words[: self.kind.itemsize // words.itemsize].view(self.kind).view(np.recarray)[0]


def parameters(axis: str, declared: Mapping[str, tuple[Any, ...]], number: int | None = None) -> Accessor:
    """What gives kernels of a variant's file the parameters in its PARAMS; `number`: the address of a built-in one."""
    kind = row(**dict.fromkeys(declared, "i8"))
    if number is None:
        found: Accessor = Outside(OUTSIDE + AXIS[axis].number, f"outside_{axis}", kind, 0)
    else:
        found = one(number, f"{axis}_parameters_{number}", kind)
    _defaults[found] = {name: each[0] for name, each in declared.items() if isinstance(each[0], int)}
    return found


def enter(m: Any, accessors: Iterable[Accessor], values: Mapping[str, Any]) -> None:
    """Fill the records of a variant's file and of those whose hooks it took over: defaults, then what was chosen."""
    for accessor in accessors:
        for name, value in {**_defaults[accessor], **values}.items():
            if name in _defaults[accessor]:
                setattr(accessor(m), name, int(value))
