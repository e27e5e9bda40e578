"""Slots of a pool: runs of free ones are found, taken and given back (swiotlb_search_pool_area, swiotlb_release_slots).

A slot's `list` counts the free slots from it on, to the end of its segment of 128 at most, so one look says whether a
run begins there. A search goes on from where the last one of its area ended.
"""

from mmrun.model.core.calendar import book
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.swiotlb.state import (
    CALENDAR,
    SEGMENT,
    SLOT,
    SLOT_SHIFT,
    io_tlb_areas,
    io_tlb_pools,
    io_tlb_slots,
    swiotlb_calendars,
    swiotlb_count,
    swiotlb_settings,
    swiotlb_state,
)
from mmrun.model.units import PAGE


@kernel
def nr_slots(nbytes):
    """Slots that hold so many bytes."""
    return (nbytes + SLOT - 1) >> SLOT_SHIFT


@kernel
def init_slots(m, p):
    """All slots of a pool are free, its areas begin anew (swiotlb_init_io_tlb_pool)."""
    pool, slots = io_tlb_pools(m)[p], io_tlb_slots(m)
    for i in range(pool.slabs):
        slot = slots[pool.slot + i]
        slot.list, slot.first, slot.bytes = min(SEGMENT - i % SEGMENT, pool.slabs - i), NONE, 0
    for a in range(pool.areas):
        area = io_tlb_areas(m)[pool.area + a]
        area.used = area.index = 0


@kernel
def _locked(m, area, looks):
    """An area's lock is held while `looks` slots are looked at or written; transient pools have none to wait for."""
    own = swiotlb_settings(m)
    ns = own.swiotlb_lock + own.swiotlb_slot * looks
    if area.lock == NONE:
        m.now += ns
        return
    end = book(swiotlb_calendars(m), area.lock * CALENDAR, CALENDAR, m.now, ns)
    swiotlb_count(m).swiotlb_lock_ns += end - ns - m.now
    m.now = end


@kernel
def _take(m, p, at, slots, nbytes, orig):
    """Slots [at, at + slots) of a pool hold a mapping; how many slots before them say now that they end there."""
    rows, base = io_tlb_slots(m), io_tlb_pools(m)[p].slot
    for i in range(at, at + slots):
        row = rows[base + i]
        row.list, row.first, row.bytes, row.orig = 0, at, 0, 0
    rows[base + at].bytes, rows[base + at].orig = nbytes, orig
    count, i = 0, at - 1
    while i >= 0 and i % SEGMENT != SEGMENT - 1 and rows[base + i].list:
        count += 1
        rows[base + i].list = count
        i -= 1
    return count


@kernel
def search_pool_area(m, dev, p, a, orig, nbytes, align):
    """Take slots for a mapping of `nbytes` of what lies at address `orig`, in area `a` of a pool; the first, or NONE.

    A mapping of a page or more begins with a page, unless the device wants low bits of addresses kept, or `align` says
    which low bits are to be 0; none crosses the device's segment boundary.
    """
    pool, device, own = io_tlb_pools(m)[p], dma_devices(m)[dev], swiotlb_settings(m)
    area, slots = io_tlb_areas(m)[pool.area + a], nr_slots(nbytes)
    keep = device.min_align if own.swiotlb_min_align else 0
    if align == 0 and keep == 0 and nbytes >= own.swiotlb_page_aligned:
        align = PAGE - 1
    align |= SLOT - 1
    keep &= ~align
    stride = nr_slots(max(align, keep) + 1)
    most = device.boundary >> SLOT_SHIFT
    shift = (pool.address & device.boundary - 1) >> SLOT_SHIFT
    if slots > pool.area_slabs - area.used:
        _locked(m, area, 0)
        return NONE
    index, seen, looks, found = area.index, 0, 0, NONE
    while seen < pool.area_slabs:
        at = a * pool.area_slabs + index
        address = pool.address + (at << SLOT_SHIFT)
        looks += 1
        step = stride
        if address & align or (address ^ orig) & keep:
            step = 1
        elif (shift + at & most - 1) + slots <= most and io_tlb_slots(m)[pool.slot + at].list >= slots:
            found = at
            break
        index = index + step if index + step < pool.area_slabs else 0
        seen += step
    swiotlb_count(m).swiotlb_searched += looks
    if found != NONE:
        looks += slots + _take(m, p, found, slots, nbytes, orig)
        area.index = index + slots if index + slots < pool.area_slabs else 0
        area.used += slots
    _locked(m, area, looks)
    return found


@kernel
def release_slots(m, p, at):
    """Give back the slots of the mapping whose first is slot `at` of a pool; how many they were."""
    pool, rows = io_tlb_pools(m)[p], io_tlb_slots(m)
    base = pool.slot
    slots, count = nr_slots(rows[base + at].bytes), 0
    area = io_tlb_areas(m)[pool.area + at // pool.area_slabs]
    if at + slots < (at // SEGMENT + 1) * SEGMENT and at + slots < pool.slabs:
        count = rows[base + at + slots].list
    for i in range(at + slots - 1, at - 1, -1):
        count += 1
        row = rows[base + i]
        row.list, row.first, row.bytes, row.orig = count, NONE, 0, 0
    i = at - 1
    while i >= 0 and i % SEGMENT != SEGMENT - 1 and rows[base + i].list:
        count += 1
        rows[base + i].list = count
        i -= 1
    area.used -= slots
    _locked(m, area, slots + at - 1 - i)
    return slots


@kernel
def count_used(m, slots):
    """So many slots more are in use, or less (inc_used_and_hiwater, dec_used)."""
    state = swiotlb_state(m)
    state.used += slots
    state.hiwater = max(state.hiwater, state.used)
