"""What is told of physical memory: free pages, and what the pages of a node and of a zone are."""

from typing import Any

from mmrun.model.machine.built import Built
from mmrun.model.machine.numa import ZONE_NAMES
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.memcg.stats import NR_PAGETABLE
from mmrun.model.mm.page.fragmentation import HUGE_ORDER, blocks_of, free_blocks, unusable_index
from mmrun.model.mm.page.memory_map import memory_map
from mmrun.model.mm.page.state import pcps, zones

FIELDS = {"nr_dirty": "nr_file_dirty", "nr_writeback": "nr_writeback", "nr_file_pages": "nr_file",
          "nr_mapped": "nr_mapped"}  # fmt: skip
LISTS = ("inactive_anon", "active_anon", "inactive_file", "active_file")  # in the order of the lists


def zone_info(built: Built) -> list[dict[str, Any]]:
    """Every zone as /proc/zoneinfo and the kernel's Mem-Info have it, in pages; `node` and `zone` say which it is.

    `free` are pages on the buddy's lists, `free_pcp` those on per-CPU lists; `writepending` are dirty and under
    writeback. `free_blocks`: by order, as /proc/buddyinfo; `batch`, `high_min`, `high_max`: of per-CPU lists, `pcp`:
    what each CPU's hold; `start`: the first frame.
    """
    m = built.memory.m
    found: list[dict[str, Any]] = []
    for z in range(int(geometry(m).nr_zones)):
        zone = zones(m)[z]
        row: dict[str, Any] = {"node": int(zone.node), "zone": ZONE_NAMES[int(zone.kind)]}
        row |= {"free": int(zone.nr_free), "free_pcp": int(pcps(m)["count"][:, z].sum())}
        row |= {"boost": int(zone.boost)} | {mark: int(zone[f"wmark_{mark}"]) for mark in ("min", "low", "high")}
        row |= {name: int(zone.nr_lru[lru]) for lru, name in enumerate(LISTS)}
        row |= {"writepending": int(zone.nr_file_dirty + zone.nr_writeback), "mapped": int(zone.nr_mapped)}
        row |= {"file": int(zone.nr_file), "present": int(zone.span), "managed": int(zone.managed)}
        row |= {"boost": int(zone.boost), "free_cma": int(zone.nr_free_cma), "free_blocks": free_blocks(built, z)}
        row |= {name: int(zone[f"pcp_{name}"]) for name in ("batch", "high_min", "high_max")}
        row |= {"start": int(zone.start), "scanned": int(zone.pages_scanned), "pcp": pcps(m)["count"][:, z].tolist()}
        row |= {name: int(zone[field]) for name, field in FIELDS.items()}
        found.append(row | {"lowmem_reserve": zone.reserve.tolist()})
    return found


def node_info(built: Built, nid: int) -> dict[str, int]:
    """Gauges of a node but for its lists, the sums over its zones; free pages include those on per-CPU lists."""
    m = built.memory.m
    first, last = int(nodes(m)[nid].first_zone), int(nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones)
    own = zones(m)[first:last]
    found = {"nr_free_pages": int(own["nr_free"].sum()) + int(pcps(m)["count"][:, first:last].sum())}
    blocks = blocks_of(built, range(first, last))
    found["nr_free_pages_blocks"] = sum(count << order for order, count in enumerate(blocks) if order >= HUGE_ORDER)
    found["unusable_index_order9"] = unusable_index(blocks, HUGE_ORDER)
    return found | {name: int(own[field].sum()) for name, field in FIELDS.items()}


def along(built: Built) -> dict[str, int]:
    """The map of memory, where the cell asks for one: `map.<part>.state`, packed."""
    if not built.cell.sampling.memory_map:
        return {}
    return {f"map.{part}.state": state for part, state in enumerate(memory_map(built).tolist())}


def metrics(built: Built) -> dict[str, int]:
    """Watermarks without what they are boosted by, and that; as sums over zones."""
    rows = zones(built.memory.m)
    boost = int(rows["boost"].sum())
    marks = {f"watermark_{mark}": int(rows[f"wmark_{mark}"].sum()) - boost for mark in ("min", "low", "high")}
    return marks | {"watermark_boost": boost}


def sampled(built: Built) -> dict[str, int]:
    """Free pages, those on per-CPU lists included; page tables; `node<n>.<gauge>` of every node."""
    m, found = built.memory.m, dict[str, int]()
    found["nr_free_pages"] = int(zones(m)["nr_free"].sum()) + int(pcps(m)["count"].sum())
    found["nr_free_cma"] = int(zones(m)["nr_free_cma"].sum())
    found["nr_page_table_pages"] = int(built.memory.table("memcgs")["stat"][:, NR_PAGETABLE].sum())
    for nid in range(int(geometry(m).nr_nodes)):
        found |= {f"node{nid}.{name}": value for name, value in node_info(built, nid).items()}
    return found
