"""What is told of huge pages."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.huge.settings import ORDERS, STATS, size_of
from mmrun.model.mm.huge.state import folio_sizes


def metrics(built: Built) -> dict[str, int]:
    """Counters of each size that has counted anything."""
    rows = folio_sizes(built.memory.m)
    return {
        f"hugepages_{size_of(order)}_{stat}": int(rows[order][stat])
        for order in ORDERS
        for stat in STATS
        if rows[order][stat]
    }


def sampled(built: Built) -> dict[str, int]:
    """Huge pages that are mapped as such, of the machine and of each node; folios that wait to be split."""
    mapped = built.memory.table("nr_anon_thps")
    found = {
        "nr_anon_transparent_hugepages": int(mapped.sum()),
        "nr_deferred_split": int(built.memory.table("deferred_queues")["n"].sum()),
    }
    return found | {f"node{n}.nr_anon_transparent_hugepages": int(value) for n, value in enumerate(mapped)}
