"""Where the time of each task went, for a terminal: its parts in ms and per cent, largest first."""

from collections.abc import Mapping
from typing import Any

from mmrun.model.mm.task.settings import APART, OF_RECLAIM, RECLAIMS
from mmrun.runner.metrics import LABELS

MOST = 16
"""Tasks that are shown; of more, those that took most time."""
NOT_STARTED = "not_started_ns"


def where_time_went(metrics: Mapping[str, Any]) -> list[str]:
    """A block of lines for each task, copies together; none for a run that does not tell it."""
    names = [name.removesuffix(f".{APART[0]}") for name in metrics if name.startswith("task.") and APART[0] in name]
    wholes = {name: sum(_parts(metrics, name).values()) for name in names}
    chosen = sorted(names, key=lambda name: -wholes[name])[:MOST]
    lines = [line for name in names if name in chosen and wholes[name] for line in _block(metrics, name, wholes[name])]
    left = len(names) - len(chosen)
    return lines + ([f"({left} more tasks took less time)"] if left else [])


def _parts(metrics: Mapping[str, Any], name: str) -> dict[str, int]:
    return {part: metrics[f"{name}.{part}"] for part in (*APART, NOT_STARTED)}


def _block(metrics: Mapping[str, Any], name: str, whole: int) -> list[str]:
    parts = sorted(((part, ns) for part, ns in _parts(metrics, name).items() if ns), key=lambda part: -part[1])
    inside = sorted(
        ((part, metrics[f"{name}.{part}"]) for part in OF_RECLAIM if metrics[f"{name}.{part}"]),
        key=lambda part: -part[1],
    )
    lines = [f"{name}: {whole / 1e6:,.3f} ms"]
    last = max((i for i, (part, _) in enumerate(parts) if part in RECLAIMS), default=-1)
    for i, (part, ns) in enumerate(parts):
        lines.append(_line(2, LABELS[part], ns, whole))
        if i == last:
            lines += [_line(4, "of reclaim: " + LABELS[each].removeprefix("stall: "), ns, whole) for each, ns in inside]
    return lines


def _line(indent: int, label: str, ns: int, whole: int) -> str:
    return f"{' ' * indent}{label:<{42 - indent}} {ns / 1e6:>14,.3f} ms {100 * ns / whole:>6.1f} %"
