"""Counters that moved most between two cells, ranked over all units alike.

The rank of a counter is |ln((here + k) / (there + k))|. k keeps what is small beside the run from leading: of counts a
thousandth of the machine's pages, of bytes a thousandth of its memory, of times a thousandth of the time of its tasks.
"""

from collections.abc import Collection, Mapping, Sequence
from math import log
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.model.mm.task.settings import APART, SPENT
from mmrun.model.units import PAGE
from mmrun.runner import metrics
from mmrun.runner.report.stats import Comparison, compare, holm, named_rng

THOUSANDTH = 1000
UNRANKED = ("1", "0.01 %", "%", "1/s", "B/s", "pages/s", "Mbit/s", "ms", "s")
APART_FROM = ("outcome", "memory_pages")
Metrics = Mapping[str, Any]


@frozen
class Moved:
    """A counter: means over the replicates, its rank, the ratio `here / there` with interval and p."""

    name: str
    unit: str
    here: float
    base: float
    rank: float
    ratio: Comparison
    p_holm: float | None = None


def moved(
    here: Sequence[Metrics], base: Sequence[Metrics], random: bool = True, names: Collection[str] | None = None
) -> list[Moved]:
    """The counters that differ, the one that moved most first; element i of both sides is of one replicate.

    Parts of the time of tasks are left out where they are told by task. What is told of a node, task, group or disk
    stands there only if it moved more than the machine's of that name. `names`: only these. p is
    Holm-corrected over the counters that could be tested.
    """
    small = _small(here[0], base[0])
    told = _names(here[0], base[0], names)
    found = {name: each for name in told if (each := _moved(name, here, base, small, random))}
    chosen = [each for name, each in found.items() if not _told_by_the_whole(name, each, found)]
    chosen.sort(key=lambda each: (-each.rank, each.name))
    corrected = holm([each.ratio.p for each in chosen])
    return [
        Moved(each.name, each.unit, each.here, each.base, each.rank, each.ratio, p)
        for each, p in zip(chosen, corrected, strict=True)
    ]


def _small(here: Metrics, base: Metrics) -> dict[str, float]:
    """k of times, of bytes and of everything else."""
    pages = min(_number(each, "memory_pages") for each in (here, base)) or THOUSANDTH
    times = [sum(_number(each, part) for part in APART) or _number(each, "elapsed_ns") for each in (here, base)]
    return {"ns": min(times) / THOUSANDTH or 1.0, "bytes": pages * PAGE / THOUSANDTH, "": pages / THOUSANDTH}


def _number(told: Metrics, name: str) -> float:
    value = told.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _names(here: Metrics, base: Metrics, names: Collection[str] | None) -> list[str]:
    told = dict.fromkeys((*here, *base))
    times = SPENT if any(name.startswith("task.") and name.endswith(f".{APART[0]}") for name in told) else ()
    wanted = (name for name in told if names is None or _leaf(name) in names)
    return [name for name in wanted if _leaf(name) not in (*APART_FROM, *times)]


def _leaf(name: str) -> str:
    scoped = metrics.PREFIX.fullmatch(name)
    return scoped[2] if scoped else name


def _moved(
    name: str, here: Sequence[Metrics], base: Sequence[Metrics], small: Mapping[str, float], random: bool
) -> Moved | None:
    ours, theirs = ([_number(told, name) for told in side] for side in (here, base))
    unit = metrics.metric(name).unit
    if ours == theirs or unit in UNRANKED:
        return None
    k = small.get(unit, small[""])
    means = sum(ours) / len(ours), sum(theirs) / len(theirs)
    if min(means) < 0:
        return None
    ratio = compare(ours, theirs, named_rng("moved", name), random=random)
    return Moved(name, unit, *means, abs(log((means[0] + k) / (means[1] + k))), ratio)


def _told_by_the_whole(name: str, each: Moved, found: Mapping[str, Moved]) -> bool:
    """Whether the machine's counter of that name says as much."""
    leaf = _leaf(name)
    return leaf != name and leaf in found and found[leaf].rank >= each.rank
