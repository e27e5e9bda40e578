"""The lists in an OOM report: of the machine by node and zone (show_mem), or of a group (mem_cgroup_print_oom_info).

What no part of the model could make other than 0 is printed as 0: unevictable pages, shmem. What is not counted here
and would not be 0 (kernel stacks, highatomic reserves, statistics of the swap cache) is left out.
"""

from collections.abc import Callable, Iterator
from typing import Any

from mmrun.model.machine.state import nodes
from mmrun.model.mm.limits import oom_formats as formats
from mmrun.model.mm.limits.oom_noted import Kill
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import MAX_RECLAIM_RETRIES

KINDS = ("DMA", "DMA32", "Normal", "Movable")
LIST_NAMES = ("inactive_anon", "active_anon", "inactive_file", "active_file")
PRINTED = (1, 0, 3, 2)  # lists in the order of reports
UNLIMITED_KB = ((1 << 63) - 4096) >> 10


def group_block(kill: Kill) -> Iterator[str]:
    """The group at its limit."""
    noted, path = kill.noted, kill.path(kill.over)
    if formats.GROUP_LINE.at(kill.version):
        whose = kill.path(int(kill.tasks[kill.victim].memcg)) if kill.victim >= 0 else path
        yield f"Task in {whose} killed as a result of limit of {path}"
    yield f"memory: usage {kill.kb(noted.usage)}kB, limit {kill.kb(noted.limit)}kB, failcnt {noted.failcnt}"
    stats = formats.GROUP_STATS.at(kill.version)
    swapped = kill.kb(noted.swap_pages)
    if kill.unified and stats == "memory.stat":
        most = kill.kb(noted.swap_limit) if noted.swap_limit < 1 << 50 else UNLIMITED_KB
        yield f"swap: usage {swapped}kB, limit {most}kB, failcnt 0"
    else:
        yield f"memory+swap: usage {kill.kb(noted.usage) + swapped}kB, limit {UNLIMITED_KB}kB, failcnt 0"
        if stats:
            yield f"kmem: usage {kill.kb(noted.kmem)}kB, limit {UNLIMITED_KB}kB, failcnt 0"
    if stats == "line":
        yield f"Memory cgroup stats for {path}: {_stat_line(kill)}"
    elif stats:
        yield f"Memory cgroup stats for {path}:"
        yield from _memory_stat(kill)


def _stat_line(kill: Kill) -> str:
    """What cgroup v1 tells of a group's pages, in KB."""
    count = _counter(kill.pages)
    told = {
        "cache": count("file"), "rss": count("anon"), "rss_huge": 0, "mapped_file": count("file_mapped"),
        "dirty": count("file_dirty"), "writeback": count("writeback"), "swap": int(kill.noted.swap_pages),
        **{LIST_NAMES[i]: int(kill.pages.lists[:, i].sum()) for i in range(4)}, "unevictable": 0,
    }  # fmt: skip
    if not formats.FREE_PCP.at(kill.version):  # told since 4.2, with cgroup writeback
        del told["dirty"], told["writeback"]
    return " ".join(f"{name}:{kill.kb(pages)}KB" for name, pages in told.items())


def _memory_stat(kill: Kill) -> Iterator[str]:
    """memory.stat of cgroup v2, as far as it is counted here; pages in bytes."""
    count = _counter(kill.pages)
    told = {
        "anon": count("anon"), "file": count("file"), "pagetables": count("pagetables"), "shmem": 0,
        "file_mapped": count("file_mapped"), "file_dirty": count("file_dirty"),
        "file_writeback": count("writeback"), "swapcached": count("swapcache"),
        **{LIST_NAMES[i]: int(kill.pages.lists[:, i].sum()) for i in range(4)}, "unevictable": 0,
        "slab_reclaimable": count("slab_reclaimable"),
        "slab_unreclaimable": count("slab") - count("slab_reclaimable"), "slab": count("slab"),
    }  # fmt: skip
    yield from (f"{name} {pages * kill.page}" for name, pages in told.items())
    yield f"pgscan {kill.noted.pgscan}"
    yield f"pgsteal {kill.noted.pgsteal}"


def _counter(pages: Any, which: Any = slice(None)) -> Callable[[str], int]:
    """A way to ask for the pages of a kind in some zones."""
    return lambda name: int(pages[name][which].sum())


def lists_block(kill: Kill) -> Iterator[str]:
    """Mem-Info: the machine, its nodes, zones, free blocks, swap."""
    yield "Mem-Info:"
    yield from _totals(kill)
    per_node = formats.LISTS.at(kill.version) == "nodes"
    if per_node:
        yield from (_node_line(kill, nid) for nid in range(len(kill.built.cell.machine.nodes)))
    own = zones(kill.built.memory.m)
    for z, zone in enumerate(own):
        yield _zone_line(kill, z, per_node)
        yield f"lowmem_reserve[]: {' '.join(str(int(pages)) for pages in zone.reserve)}"
    yield from (_buddy_line(kill, z) for z in range(len(own)))
    count = _counter(kill.all_pages)
    yield f"{count('file') + count('swapcache')} total pagecache pages"
    yield f"{count('swapcache')} pages in swap cache"
    yield f"Free swap  = {kill.kb(kill.noted.swap_free)}kB"
    yield f"Total swap = {kill.kb(kill.noted.swap_total)}kB"
    yield f"{int(own['span'].sum())} pages RAM"
    yield f"{int((own['span'] - own['managed']).sum())} pages reserved"


def _totals(kill: Kill) -> Iterator[str]:
    """All of the machine, in pages."""
    count, free = _counter(kill.all_pages), int(kill.zones["free"].sum())
    lists = [int(kill.zones["lists"][:, i].sum()) for i in range(4)]
    isolated = [int(kill.all_pages["isolated"][:, i].sum()) for i in range(2)]
    slab = count("slab_reclaimable")
    yield f"active_anon:{lists[1]} inactive_anon:{lists[0]} isolated_anon:{isolated[0]}"
    yield f" active_file:{lists[3]} inactive_file:{lists[2]} isolated_file:{isolated[1]}"
    unstable = " unstable:0" if formats.UNSTABLE.at(kill.version) else ""
    yield f" unevictable:0 dirty:{count('file_dirty')} writeback:{count('writeback')}{unstable}"
    slabs = f"slab_reclaimable:{slab} slab_unreclaimable:{count('slab') - slab}"
    mapped = f" mapped:{count('file_mapped')} shmem:0 pagetables:{count('pagetables')} bounce:0"
    if not formats.FREE_PCP.at(kill.version):
        yield f" free:{free} {slabs}"
        yield mapped
        return
    yield f" {slabs}"
    yield mapped
    yield f" free:{free} free_pcp:{int(kill.zones['pcp'].sum())} free_cma:0"


def _lists(kill: Kill, which: Any) -> str:
    """The four lists of some zones, in kB."""
    found = ((LIST_NAMES[i], int(kill.zones["lists"][which, i].sum())) for i in PRINTED)
    return " ".join(f"{name}:{kill.kb(pages)}kB" for name, pages in found) + " unevictable:0kB"


def _isolated(kill: Kill, which: Any) -> str:
    anon, file = (kill.kb(kill.all_pages["isolated"][which, i].sum()) for i in range(2))
    return f"isolated(anon):{anon}kB isolated(file):{file}kB"


def _node_line(kill: Kill, nid: int) -> str:
    """A node since 4.8, when its lists became one each."""
    home = nodes(kill.built.memory.m)[nid]
    which = slice(int(home.first_zone), int(home.first_zone + home.nr_zones))
    count = _counter(kill.all_pages, which)
    parts = [f"Node {nid} {_lists(kill, which)}", _isolated(kill, which)]
    parts += [f"{name}:{kill.kb(count(field))}kB" for name, field in
              (("mapped", "file_mapped"), ("dirty", "file_dirty"), ("writeback", "writeback"))]  # fmt: skip
    parts += ["shmem:0kB", "writeback_tmp:0kB"]
    parts += ["unstable:0kB"] * bool(formats.UNSTABLE.at(kill.version))
    parts.append(f"pagetables:{kill.kb(count('pagetables'))}kB")
    hopeless = kill.zones["failures"][which].max() >= MAX_RECLAIM_RETRIES
    return " ".join([*parts, f"all_unreclaimable? {'yes' if hopeless else 'no'}"])


def _zone_name(kill: Kill, z: int) -> str:
    zone = zones(kill.built.memory.m)[z]
    return f"Node {int(zone.node)} {KINDS[int(zone.kind)]}"


def _zone_line(kill: Kill, z: int, per_node: bool) -> str:
    """A zone; until 4.7 with all that was counted by zone."""
    zone, now, kb = zones(kill.built.memory.m)[z], kill.zones[z], kill.kb
    marks = f"min:{kb(zone.wmark_min)}kB low:{kb(zone.wmark_low)}kB high:{kb(zone.wmark_high)}kB"
    parts = [f"{_zone_name(kill, z)} free:{kb(now.free)}kB {marks}", _lists(kill, slice(z, z + 1))]
    if not per_node:
        parts.append(_isolated(kill, slice(z, z + 1)))
    else:
        parts.append(f"writepending:{kb(now.pending)}kB")
    parts.append(f"present:{kb(zone.span)}kB")
    parts += [f"managed:{kb(zone.managed)}kB"] * bool(formats.MANAGED.at(kill.version)) + ["mlocked:0kB"]
    if not per_node:
        parts += _until_4_7(kill, z)
    parts += ["bounce:0kB"]
    if formats.FREE_PCP.at(kill.version):
        parts += [f"free_pcp:{kb(now.pcp)}kB", "free_cma:0kB"]
    if not per_node:
        hopeless = "yes" if now.unreclaimable else "no"
        parts += [f"writeback_tmp:0kB pages_scanned:{int(now.scanned)} all_unreclaimable? {hopeless}"]
    return " ".join(parts)


def _until_4_7(kill: Kill, z: int) -> list[str]:
    """What was counted by zone then."""
    count = _counter(kill.all_pages, slice(z, z + 1))
    told = {
        "dirty": count("file_dirty"), "writeback": count("writeback"), "mapped": count("file_mapped"), "shmem": 0,
        "slab_reclaimable": count("slab_reclaimable"),
        "slab_unreclaimable": count("slab") - count("slab_reclaimable"), "pagetables": count("pagetables"),
        "unstable": 0,
    }  # fmt: skip
    return [f"{name}:{kill.kb(pages)}kB" for name, pages in told.items()]


def _buddy_line(kill: Kill, z: int) -> str:
    """Free blocks of a zone by size; the model's are all movable."""
    letters = " (M)" if formats.BUDDY_TYPES.at(kill.version) else ""
    blocks = [int(count) for count in kill.zones[z].areas]
    sizes = (f"{count}*{kill.kb(1 << order)}kB{letters if count else ''}" for order, count in enumerate(blocks))
    total = sum(count << order for order, count in enumerate(blocks))
    return f"{_zone_name(kill, z)}: {' '.join(sizes)} = {kill.kb(total)}kB"
