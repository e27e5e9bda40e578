"""What is told of zswap: its counters, the pool, what groups have in it."""

from mmrun.model.core.mechanism import Case
from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.place import copies
from mmrun.model.mm.memcg.report import with_descendants
from mmrun.model.mm.zswap.settings import GROUP_STATS, ZSWAP_COUNTERS, has_zswap
from mmrun.model.mm.zswap.state import zswap_state, zswap_stats


def sampled(built: Built) -> dict[str, int]:
    """Counters, and the pool; nothing where zswap is off."""
    if not has_zswap(Case(built.cell, {}, {})):
        return {}
    m = built.memory.m
    state = zswap_state(m)
    found = dict(zip(ZSWAP_COUNTERS, (int(value) for value in zswap_stats(m).item()), strict=True))
    found["zswap_pool_pages"], found["zswap_stored_pages"] = int(state.pool), int(state.stored)
    return found | {"zswap_same_filled_pages": int(state.same_filled), "zswap_entry_pages": int(state.slab_pages)}


def metrics(built: Built) -> dict[str, int]:
    """`cgroup.<name>.<stat>` of groups and those below them, where there is something; copies are summed."""
    if not has_zswap(Case(built.cell, {}, {})):
        return {}
    rows, first, found = built.memory.table("zswap_groups"), {name: i for i, name in enumerate(built.cgroups)}, {}
    for stat in GROUP_STATS:
        values = with_descendants(built, rows[stat])
        for name, group in built.cell.cgroups.items():
            total = int(sum(values[first[copy]] for copy in copies(name, group.count)))
            if total:
                found[f"cgroup.{name}.{stat}"] = total
    return found
