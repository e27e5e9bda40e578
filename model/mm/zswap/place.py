"""zswap in a machine record: a row a slot, a list a group and node, size classes; nothing where it is off."""

from collections.abc import Set

from mmrun.model.core.jit import Hook
from mmrun.model.core.mechanism import Case
from mmrun.model.core.record import NONE
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.memcg.place import UNLIMITED, described
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.zswap.entry import zswap_invalidate
from mmrun.model.mm.zswap.settings import Zswap, has_zswap
from mmrun.model.mm.zswap.shrink import zswap_shrink_worker
from mmrun.model.mm.zswap.state import zswap_settings, zswap_state
from mmrun.model.mm.zswap.store import zswap_store
from mmrun.model.mm.zswap.zpool import CHUNKS, DELTA, GROUPS, MIN_ALLOC
from mmrun.model.units import PAGE

CLASSES = (PAGE - MIN_ALLOC) // DELTA + 1  # ZS_SIZE_CLASSES
SHARES = 1 << 16


def is_on(plan: Plan) -> bool:
    """Whether the cell's swapped pages pass zswap."""
    return has_zswap(Case(plan.cell, {}, {}))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    on, groups = is_on(plan), len(plan.groups)
    return {
        "zswap_entries": plan.swap * on, "zswap_lruvecs": groups * plan.nodes * on, "zswap_groups": groups * on,
        "zspages": min(plan.swap, plan.frames) * on, "size_classes": CLASSES * on, "class_of": CLASSES * on,
        "zpool_lists": max(CLASSES * GROUPS, CHUNKS + 1) * on,
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """The worker."""
    return {"zswap_shrink_worker": 1} if is_on(plan) else {}


def _limits(built: Built) -> None:
    """How large its pool may be, and to which size it shrinks before it takes pages again."""
    s, vm = zswap_settings(built.memory.m), built.cell.vm
    s.max_pages = int(zones(built.memory.m)["managed"].sum()) * vm.zswap_max_pool_percent // 100
    s.accept_pages = int(s.max_pages) * (vm.zswap_accept_threshold_percent or 100) // 100


def changed(built: Built, names: Set[str]) -> None:
    """Its limits follow from new settings."""
    if is_on(built.plan) and names & {"zswap_max_pool_percent", "zswap_accept_threshold_percent"}:
        _limits(built)


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What swap asks, and the worker."""
    return (zswap_store, zswap_invalidate, zswap_shrink_worker) if is_on(plan) else ()


def place(built: Built) -> None:
    """Limits, contents, lists without entries, zsmalloc's classes."""
    m, cell = built.memory.m, built.cell
    if not is_on(built.plan):
        return
    s, vm, given = zswap_settings(m), cell.vm, cell.machine.zswap or Zswap()
    s.zsmalloc = int(vm.zswap_zpool == "zsmalloc")
    s.shrinks = int(bool(vm.zswap_shrinker_enabled))
    _limits(built)
    s.length = max(1, int(PAGE / given.compression_ratio))
    s.compress_ns, s.decompress_ns = given.compress, given.decompress
    for name in ("zero_filled", "same_filled", "incompressible"):
        setattr(s, name, round(getattr(given, name) * SHARES))
    zswap_state(m).slabs.head = zswap_state(m).slabs.tail = NONE
    for table, field in (("zswap_lruvecs", "lru"), ("zpool_lists", None)):
        lists = built.memory.table(table)[field] if field else built.memory.table(table)
        lists["head"] = lists["tail"] = NONE
    built.memory.table("zspages")["first"] = NONE
    _groups(built)
    _classes(built, era(cell.kernel).flags["zs_chain"])


def _groups(built: Built) -> None:
    """Each group's limit, and whether its pages may be written: not if those of a group above it may not."""
    rows, known, parents = built.memory.table("zswap_groups"), described(built.cell), built.memory.table("memcgs")
    rows["limit"], rows["writeback"] = UNLIMITED, 1
    for number, name in enumerate(built.cgroups[1:], 1):
        group = known[name]
        if group.zswap_max is not None:
            rows[number].limit = group.zswap_max // PAGE
        rows[number].writeback = int(group.zswap_writeback and rows[int(parents[number].parent)].writeback)


def zspage_pages(size: int, most: int) -> int:
    """Frames of a zspage of objects of `size` bytes: as many as waste least (calculate_zspage_chain_size).

    To 6.2 the share that is used decides, in whole percent (get_pages_per_zspage).
    """
    if most == 4:
        return max(range(1, most + 1), key=lambda n: ((n * PAGE - n * PAGE % size) * 100 // (n * PAGE), -n))
    return 1 if size & size - 1 == 0 else min(range(1, most + 1), key=lambda n: (n * PAGE % size, n))


def _classes(built: Built, most: int) -> None:
    """Classes 16 bytes apart; one whose zspages are cut like those of the next larger is that one (can_merge)."""
    classes, of = built.memory.table("size_classes"), built.memory.table("class_of")
    above = None
    for number in range(CLASSES - 1, -1, -1):
        size = MIN_ALLOC + number * DELTA
        pages = zspage_pages(size, most)
        shape = (pages, pages * PAGE // size)
        if above is None or (int(classes[above].pages), int(classes[above].objects)) != shape:
            classes[number].pages, classes[number].objects = shape
            above = number
        of[number] = above
