"""Bounce buffers: which slots a mapping gets, what is copied, what becomes of one that finds no room."""

import heapq
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model import registry
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Variant
from mmrun.model.dma.device.state import BIDIRECTIONAL, DMA_ERROR, FROM_DEVICE, TO_DEVICE, dma_devices
from mmrun.model.dma.swiotlb import boot, check
from mmrun.model.dma.swiotlb.map import (
    is_overflow,
    is_swiotlb,
    swiotlb_map,
    swiotlb_map_entry,
    swiotlb_sync,
    swiotlb_unmap,
)
from mmrun.model.dma.swiotlb.pools import grow
from mmrun.model.dma.swiotlb.state import (
    SEGMENT,
    SLOT,
    io_tlb_areas,
    io_tlb_pools,
    swiotlb_count,
    swiotlb_state,
)
from mmrun.model.mm.page.flags import BOUNCE_PAGE
from mmrun.model.units import GiB, KiB, MiB
from tests.model import cells
from tests.model.bounced import built_of, host

FRAME = 3  # some frame that is mapped; what is in it is nobody's business


MODULES = {
    axis: registry.load(axis, Variant(variant=name)) for axis, name in (("contiguous", "none"), ("iommu", "as-built"))
}


def holds(built: Built) -> None:
    check.verify(built, np.zeros(len(built.memory.table("frames"))))


def bounced(built: Built, nbytes: int, offset: int = 0) -> int:
    """Slot where a mapping comes to lie, -1: it fails."""
    m = built.memory.m
    address = int(swiotlb_map(m, 0, FRAME, offset, nbytes, TO_DEVICE))
    return -1 if address == DMA_ERROR else (address - int(io_tlb_pools(m)[0].address)) // SLOT


def test_vector_of_a_small_pool():
    """512 slots in one area: computed from the rules of 6.12 by hand."""
    built = built_of("6.12", host(size=MiB, force="force"))
    m = built.memory.m
    seen = [bounced(built, nbytes) for nbytes in (2048, 4096, 512, 8192, 262144, 262144, 4096, 1024)]
    swiotlb_unmap(m, 0, int(io_tlb_pools(m)[0].address) + 2 * SLOT, 4096, TO_DEVICE)
    seen += [bounced(built, nbytes) for nbytes in (4096, 6144, 262145)]
    assert seen == [0, 2, 4, 6, 128, 256, 384, 386, 388, 390, -1]
    state = swiotlb_state(m)
    assert (int(state.used), int(state.hiwater), int(io_tlb_areas(m)[0].index)) == (270, 270, 393)
    holds(built)


@pytest.mark.parametrize(("gib", "mib"), [(1, 64), (4, 246), (16, 983.25), (17, 1024), (64, 1024)])
def test_confidential_guests_keep_six_per_cent(gib, mib):
    assert boot.confidential_slabs(gib * GiB) * SLOT == mib * MiB


@pytest.mark.parametrize(
    ("kernel", "own", "mib", "bits", "slabs", "areas"),
    [
        ("6.12", {}, 3072, 32, 0, 0),  # all of memory is in reach
        ("6.12", {}, 5120, 32, 32768, 2), ("3.1", {}, 5120, 32, 32768, 1), ("6.12", {}, 5120, 64, 32768, 2),
        ("6.12", {"force": "noforce"}, 5120, 32, 0, 0), ("6.12", {"force": "force"}, 512, 64, 32768, 2),
        ("6.12", {"force": "force"}, 96, 64, 16384, 2), ("3.1", {"force": "force"}, 34, 64, 4096, 1),
        ("6.12", {"confidential": True}, 4096, 64, 131072, 2), ("5.15", {"confidential": True}, 4096, 64, 125952, 1),
        ("5.10", {"confidential": True}, 4096, 64, 32768, 1), ("5.15", {"size": 6 * MiB}, 5120, 32, 3072, 1),
        ("6.12", {"size": 6 * MiB, "areas": 16}, 5120, 32, 4096, 16),
    ],
)  # fmt: skip
def test_what_pool_there_is(kernel, own, mib, bits, slabs, areas):
    """Where memory reaches above 4 GiB, or if it is forced; half and half again where there is no room for it."""
    cell = registry.resolve(Cell(kernel=kernel, machine=host(mib, (bits,), cpus=2, **own), tasks={"t": cells.given()}))
    found = boot.pool_of_boot(cell, MODULES)
    assert (found.slabs if found else 0) == slabs
    assert not found or boot.parts_of(cell) == areas


def test_a_pool_is_memory_that_nobody_else_has():
    """Watermarks do not know it; the overflow buffer of old versions lies behind it."""
    plain = built_of("3.1", host(128, force="noforce"))
    built = built_of("3.1", host(128, force="force"))
    kinds = built.memory.table("frames")["kind"]
    bounce = 32 * MiB // 4096 + 8
    pages = bounce + 48  # 12 bytes a slot
    assert (kinds == BOUNCE_PAGE).sum() == bounce and (plain.memory.table("frames")["kind"] != BOUNCE_PAGE).all()
    managed = [int(each.memory.table("zones")["managed"].sum()) for each in (plain, built)]
    free = [int(each.memory.table("zones")["nr_free"].sum()) for each in (plain, built)]
    assert managed[0] - managed[1] == free[0] - free[1] == pages
    holds(built)


@pytest.mark.parametrize(("kernel", "second"), [("3.6", 1), ("4.9", 1), ("4.11", 2), ("6.12", 2)])
def test_a_page_begins_with_a_page_since_4_11(kernel, second):
    built = built_of(kernel, host(size=MiB, force="force"))
    assert [bounced(built, 2048), bounced(built, 4096), bounced(built, 4097)] == [0, second, 4]


def test_low_bits_of_an_address_that_matter_are_kept_since_5_12():
    """An NVMe drive's pages begin where they began: offset 512 in a slot, in the second slot of a page."""
    for kernel, offsets in (("5.10", [0, 0, 0]), ("6.12", [512, 2560, 4096 - 512])):
        built = built_of(kernel, host(size=MiB, force="force"))
        m = built.memory.m
        dma_devices(m)[0].min_align = 4095
        seen = [int(swiotlb_map(m, 0, FRAME, offset, 512, TO_DEVICE)) for offset in (512, 2560, 3584)]
        assert [address % 4096 for address in seen] == offsets if kernel == "6.12" else len(set(seen)) == 3
        for address in seen:
            swiotlb_unmap(m, 0, address, 512, TO_DEVICE)
        assert swiotlb_state(m).used == 0
        holds(built)


def test_no_mapping_crosses_the_device_s_boundary():
    built = built_of("6.12", host(size=MiB, force="force"))
    m = built.memory.m
    dma_devices(m)[0].boundary = 64 * KiB
    for nbytes in (6144, 60 * KiB, 10 * KiB, 50 * KiB, 64 * KiB):
        address = int(swiotlb_map(m, 0, FRAME, 0, nbytes, TO_DEVICE))
        assert address // (64 * KiB) == (address + nbytes - 1) // (64 * KiB)
    holds(built)


@pytest.mark.parametrize(("kernel", "from_device"), [("3.6", 0), ("5.15", 0), ("6.12", 4096)])
def test_what_is_copied(kernel, from_device):
    """In where the device reads, since 5.18 where it only writes, too; out where it writes; parts when synced."""
    built = built_of(kernel, host(size=MiB, force="force"))
    m = built.memory.m

    def copied(of: Any, *arguments: int) -> tuple[int, int]:
        before, at = int(swiotlb_count(m).swiotlb_bytes), int(swiotlb_count(m).swiotlb_copy_ns)
        copied.address = int(of(m, 0, *arguments) or 0)  # type: ignore[attr-defined]
        return int(swiotlb_count(m).swiotlb_bytes) - before, int(swiotlb_count(m).swiotlb_copy_ns) - at

    for direction, came, went in ((TO_DEVICE, 4096, 0), (FROM_DEVICE, from_device, 4096), (BIDIRECTIONAL, 4096, 4096)):
        nbytes, ns = copied(swiotlb_map, FRAME, 0, 4096, direction)
        at = copied.address  # type: ignore[attr-defined]
        assert nbytes == came and ns == came // 4096 * (1024 if direction == FROM_DEVICE else 409)
        assert copied(swiotlb_sync, at + 100, 1000, direction, 1)[0] == 1000 * (direction != FROM_DEVICE)
        assert copied(swiotlb_sync, at, 1000, direction, 0)[0] == 1000 * (direction != TO_DEVICE)
        assert copied(swiotlb_unmap, at, 4096, direction) == (went, went // 4096 * 1024)
    assert dma_devices(m)[0].need_sync == 1


@pytest.mark.parametrize(("kernel", "overflow"), [("3.6", 1), ("4.19", 1), ("4.20", 0), ("6.12", 0)])
def test_a_full_pool_fails_or_loses_data(kernel, overflow):
    """To 4.19 a page that finds no room is given a buffer that others have, too; a list's entry never is."""
    built = built_of(kernel, host(size=MiB, force="force"))
    m = built.memory.m
    for _ in range(4):
        assert swiotlb_map(m, 0, FRAME, 0, 256 * KiB, TO_DEVICE) > 0
    address, large = (int(swiotlb_map(m, 0, FRAME, 0, size, TO_DEVICE)) for size in (4096, 36 * KiB))
    assert bool(is_overflow(m, address)) == bool(overflow) == (address != DMA_ERROR) and large == DMA_ERROR
    assert not is_swiotlb(m, address)
    assert swiotlb_map_entry(m, 0, FRAME, 0, 4096, TO_DEVICE) == DMA_ERROR
    count = swiotlb_count(m)
    assert (int(count.swiotlb_full), int(count.swiotlb_overflow)) == (3, overflow)
    if overflow:
        swiotlb_unmap(m, 0, address, 4096, FROM_DEVICE)
    assert swiotlb_state(m).used == 512 and m.broken == 0
    holds(built)


def test_a_pool_out_of_reach_is_of_no_use():
    """A device of 24 bits cannot reach a pool that lies higher (swiotlb addr overflow)."""
    built = built_of("6.12", host(256, (24,), force="force"))
    m = built.memory.m
    assert swiotlb_map(m, 0, FRAME, 0, 4096, TO_DEVICE) == DMA_ERROR
    assert swiotlb_count(m).swiotlb_unreachable == 1 and swiotlb_state(m).used == 0
    holds(built)


def test_a_dynamic_pool_grows_and_meanwhile_mappings_have_pools_of_their_own():
    built = built_of("6.12", host(256, (32, 24), size=MiB, force="force", dynamic=True))
    m = built.memory.m
    held = [int(swiotlb_map(m, 0, FRAME, 0, 256 * KiB, TO_DEVICE)) for _ in range(5)]
    low = int(swiotlb_map(m, 1, FRAME, 0, 6 * KiB, TO_DEVICE))
    assert DMA_ERROR not in held and 0 <= low < 1 << 24
    state = swiotlb_state(m)
    assert state.work == 1 and state.transient == 128 + 3 and state.slabs == 512 and state.used == 512 + 131
    holds(built)
    assert grow(m) == 1 and state.slabs == 512 + 2048
    grown = int(io_tlb_pools(m)[1].address)
    assert grown <= swiotlb_map(m, 0, FRAME, 0, 4096, TO_DEVICE) < grown + 4 * MiB
    for address in (*held, low):
        swiotlb_unmap(m, 0, address, 4096, TO_DEVICE)
    assert state.transient == 0 and state.used == 2
    holds(built)


def test_a_hole_below_4_gib_moves_what_lies_behind_it():
    """Memory above the hole is out of reach of 32 bits although its frames are numbered below."""
    built = built_of("6.12", host(4096, hole=GiB))
    m, last = built.memory.m, len(built.memory.table("frames")) - 1
    assert int(io_tlb_pools(m)[0].address) == 3 * GiB - 66 * MiB
    assert boot.pool_of_boot(built.cell, built.modules).first == (3 * GiB - 66 * MiB) // 4096
    assert is_swiotlb(m, swiotlb_map(m, 0, last, 0, 4096, TO_DEVICE)) and not is_swiotlb(m, 3 * GiB + 4096)


class Plain:
    """A pool for reading: which slots are taken, by area; a run is looked for slot by slot."""

    def __init__(self, slots: int, areas: int) -> None:
        self.taken, self.index, self.each = np.zeros(slots, dtype=bool), [0] * areas, slots // areas

    def take(self, cpu: int, nbytes: int, page: bool) -> int:
        need = -(-nbytes // SLOT)
        if need > SEGMENT:
            return -1
        for i in range(len(self.index)):
            area = (cpu + i) % len(self.index)
            order = [(self.index[area] + k) % self.each + area * self.each for k in range(self.each)]
            for at in order:
                fits = at // SEGMENT == (at + need - 1) // SEGMENT and at + need <= (area + 1) * self.each
                if fits and not (page and at % 2) and not self.taken[at : at + need].any():
                    self.taken[at : at + need] = True
                    self.index[area] = (at - area * self.each + need) % self.each
                    return at
        return -1


SIZES = st.one_of(st.integers(1, 8192), st.sampled_from((2048, 4096, 65536, 131072, 262144, 262145)))
STEPS = st.lists(st.tuples(st.sampled_from(("map", "map", "unmap", "sync")), SIZES, st.integers(0, 3)), max_size=120)


@pytest.mark.parametrize(("kernel", "areas"), [("3.6", 1), ("5.15", 1), ("6.1", 4), ("6.12", 2)])
@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_random_mappings_lie_where_a_plain_search_puts_them(kernel, areas, steps):
    built = built_of(kernel, host(size=MiB, cpus=4, force="force", areas=areas))
    m, live = built.memory.m, list[tuple[int, int, int]]()
    plain, base = Plain(512, areas), int(io_tlb_pools(m)[0].address)
    for what, nbytes, number in steps:
        turn(m).cpu, direction = number, number % 3
        if what == "map":
            address = int(swiotlb_map_entry(m, 0, FRAME, 0, nbytes, direction))
            at = plain.take(number, nbytes, nbytes >= 4096 + (kernel == "3.6"))
            assert address == (DMA_ERROR if at < 0 else base + at * SLOT)
            live += [(address, nbytes, direction)] if at >= 0 else []
        elif live:
            address, size, direction = live[nbytes % len(live)]
            if what == "sync":
                swiotlb_sync(m, 0, address, min(nbytes, size), direction, number & 1)
                continue
            live.remove((address, size, direction))
            swiotlb_unmap(m, 0, address, size, direction)
            at = (address - base) // SLOT
            plain.taken[at : at - (-size // SLOT)] = False
        assert plain.taken.sum() == swiotlb_state(m).used and len(live) == swiotlb_state(m).live
    holds(built)
    assert m.broken == 0


def rate(kernel: str, cpus: int, ns: int = 400_000) -> float:
    """Mappings of 64 bytes a second that `cpus` CPUs make and undo, doing nothing else."""
    built = built_of(kernel, host(256, cpus=cpus, size=8 * MiB, force="force"))
    m, clocks, done = built.memory.m, [(0, cpu) for cpu in range(cpus)], 0
    while clocks[0][0] < ns:
        m.now, turn(m).cpu = heapq.heappop(clocks)
        cpu = int(turn(m).cpu)
        swiotlb_unmap(m, 0, swiotlb_map(m, 0, FRAME, 0, 64, TO_DEVICE), 64, TO_DEVICE)
        done += 1
        heapq.heappush(clocks, (int(m.now), cpu))
    return done * 1e9 / ns


def test_one_lock_is_what_all_cpus_wait_for_and_areas_end_that():
    one, old, new = rate("5.15", 1), rate("5.15", 8), rate("6.12", 8)
    assert old < 1.3 * one and new > 7 * one


def test_a_frame_number_that_is_none_is_no_bounce_buffer():
    built = built_of("6.12", host(size=MiB, force="force"))
    assert not is_swiotlb(built.memory.m, NONE << 12) and not is_swiotlb(built.memory.m, DMA_ERROR)
