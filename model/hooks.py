"""Every policy axis and hook there is, put together from what the mechanisms declare in their settings.py.

A hook is called as `name(m, ...)` with the machine and 64-bit integers and answers with one.
"""

from mmrun.model.core.mechanism import MAX_AXES, Axis, joined
from mmrun.model.mechanisms import parts

_declared = parts("settings")
AXIS: dict[str, Axis] = {
    axis.name: axis
    for axis in sorted((a for part in _declared for a in getattr(part, "AXES", ())), key=lambda a: a.number)
}
"""The axes by name, in the order of their numbers."""
AXES = {name: axis.doc for name, axis in AXIS.items()}
TABLE = joined({part.__name__: getattr(part, "HOOKS", {}) for part in _declared})
HOOKS = {name: len(spec.arguments) for name, spec in TABLE.items()}  # number of integer arguments after the machine
HOOK_INDEX = {name: spec.slot for name, spec in TABLE.items()}

if len({axis.number for axis in AXIS.values()}) != len(AXIS) or max(a.number for a in AXIS.values()) >= MAX_AXES:
    raise ValueError(f"numbers of axes are taken twice or beyond {MAX_AXES - 1}: {list(AXIS.values())}")


def signature(name: str) -> str:
    """How a hook is defined: `check_references(m, frame, young, executable)`."""
    return f"{name}({', '.join(('m', *TABLE[name].arguments))})"
