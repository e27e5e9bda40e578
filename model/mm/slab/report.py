"""What is told of slab caches."""

from collections.abc import Iterable

from mmrun.model.counters import SLAB_COUNTERS
from mmrun.model.machine.built import Built
from mmrun.model.mm.slab.place import ordered
from mmrun.model.mm.slab.settings import SAMPLED

SLAB_METRICS = {name: f"nr_{name}" if name in SAMPLED else name for name in SLAB_COUNTERS}


def slab(built: Built, wanted: Iterable[str] = tuple(SLAB_METRICS)) -> dict[str, int]:
    """`slab.<cache>.<metric>` of every slab cache."""
    rows = built.memory.table("slab_caches")
    return {
        f"slab.{name}.{metric}": int(rows[c][SLAB_METRICS[metric]])
        for c, name in enumerate(ordered(built.cell))
        for metric in wanted
    }


def metrics(built: Built) -> dict[str, int]:
    """`slab.<cache>.<metric>` of every slab cache."""
    return slab(built)


def sampled(built: Built) -> dict[str, int]:
    """Pages with and without a shrinker, what shrinkers have put off, sizes of every cache."""
    rows = built.memory.table("slab_caches")
    reclaimable, other = (int(rows["nr_pages"][rows["reclaimable"] == kind].sum()) for kind in (1, 0))
    put_off = int(built.memory.table("deferred").sum())
    found = {"nr_slab_reclaimable": reclaimable, "nr_slab_unreclaimable": other, "nr_deferred": put_off}
    return found | slab(built, SAMPLED)
