"""DMA without an IOMMU: what a mask reaches, where coherent memory comes from, pools of it, pages that are copied."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model import check as laws
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell
from mmrun.model.dma.device.state import ARM, DMA_ERROR, FROM_DEVICE, TO_DEVICE, dma_devices
from mmrun.model.dma.direct import check
from mmrun.model.dma.direct.alloc import dma_direct_alloc, dma_direct_free
from mmrun.model.dma.direct.atomic import atomic_alloc, atomic_free, atomic_pool_expand
from mmrun.model.dma.direct.bounce import bounce_end_io, bounce_page, fill_reserve, queue_bounces
from mmrun.model.dma.direct.dmapool import dma_pool_alloc, dma_pool_create, dma_pool_destroy, dma_pool_free
from mmrun.model.dma.direct.map import dma_direct_map, dma_direct_map_entry, dma_direct_unmap, kmalloc_size_roundup
from mmrun.model.dma.direct.place import atomic_pages
from mmrun.model.dma.direct.remap import alloc_scattered, free_scattered
from mmrun.model.dma.direct.state import ISA_POOL_SIZE, atomic_chunks, atomic_pools, direct_count, direct_state
from mmrun.model.dma.swiotlb.bus import dma_to_pfn
from mmrun.model.dma.swiotlb.map import is_swiotlb
from mmrun.model.dma.swiotlb.state import swiotlb_settings
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.gfp import DMA, DMA32, GFP_ATOMIC, GFP_KERNEL
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import drain_all_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.units import PAGE, GiB, MiB
from tests.model import cells
from tests.model.bounced import built_of, host

MASKS = (64, 32, 30, 24)


def holds(built: Built) -> None:
    check.verify(built, np.zeros(len(built.memory.table("frames"))))


def free_of(built: Built) -> list[int]:
    """Free pages by zone, none left on per-CPU lists."""
    drain_all_pages(built.memory.m)
    return [int(zone.nr_free) for zone in zones(built.memory.m)]


@pytest.mark.parametrize("kernel", ["3.1", "6.12"])
@pytest.mark.parametrize("bits", MASKS)
def test_a_mask_decides_between_address_copy_and_error(kernel, bits):
    with_pool, without = built_of(kernel, host(5120, (bits,))), built_of(kernel, host(5120, (bits,), force="noforce"))
    for pfn in (100, 4096, 1 << 18, (4 << 18) - 1, (4 << 18), (5 << 18) - 1):
        reach = (pfn + 1) * PAGE <= 1 << bits
        address = int(dma_direct_map(with_pool.memory.m, 0, pfn, 0, PAGE, TO_DEVICE))
        bare = int(dma_direct_map(without.memory.m, 0, pfn, 0, PAGE, TO_DEVICE))
        assert (address == pfn * PAGE) == reach == (bare == pfn * PAGE) and (reach or bare == DMA_ERROR)
        if bits == 32 and not reach:
            assert is_swiotlb(with_pool.memory.m, address)
            dma_direct_unmap(with_pool.memory.m, 0, address, PAGE, TO_DEVICE)
        if bits < 30 and not reach and kernel == "6.12":
            assert address == DMA_ERROR  # the pool itself lies too high
    assert (direct_count(without.memory.m).dma_map_unreachable > 0) == (bits < 64)
    assert with_pool.memory.m.now == 0 or bits < 64  # what is in reach costs nothing


@pytest.mark.parametrize("kernel", ["3.1", "4.9", "6.12"])
def test_coherent_memory_lies_within_the_mask(kernel):
    """30 bits: a block of DMA32 that lies too high is given back for one of zone DMA."""
    built = built_of(kernel, host(5120, MASKS))
    m, before, held = built.memory.m, free_of(built), []
    for dev, bits in enumerate(MASKS):
        for pages in (1, 3, 16, 100):
            pfn = int(dma_direct_alloc(m, dev, pages, GFP_KERNEL))
            assert (pfn + pages) * PAGE <= 1 << bits
            held.append((dev, pfn, pages))
    kinds = [zones(m)[int(frames(m)[pfn].zone)].kind for _, pfn, _ in held]
    assert kinds[:8] == [2] * 4 + [1] * 4 and kinds[12:] == [0] * 4
    assert direct_state(m).pages == 4 * (1 + 4 + 16 + 128)
    holds(built)
    for dev, pfn, pages in held:
        dma_direct_free(m, dev, pfn, pages)
    assert free_of(built) == before and direct_state(m).pages == 0
    holds(built)


@pytest.mark.parametrize(("kernel", "retries"), [("3.1", 0), ("6.12", 1)])
def test_more_than_32_bits_find_zone_dma32_since_4_17(kernel, retries):
    """A device of 33 bits, all memory below its limit in use: old versions look no further."""
    built = built_of(kernel, host(9216, (33,)))
    m = built.memory.m
    low = [z for z in range(len(zones(m))) if zones(m)[z].kind == 2]
    while zones(m)[low[0]].start * PAGE < 4 * GiB + 1 and alloc_pages(m, GFP_ATOMIC, 10, 0, ALL_NODES) < 2 << 20:
        pass
    pfn = int(dma_direct_alloc(m, 0, 1, GFP_KERNEL))
    assert direct_count(m).dma_alloc_retry == retries and (pfn != NONE) == bool(retries)
    assert pfn == NONE or (pfn + 1) * PAGE <= 1 << 33
    holds(built)


@pytest.mark.parametrize(("bits", "zone"), [(24, DMA), (32, DMA32)])
def test_an_exhausted_zone_gives_none_whatever_is_free_above(bits, zone):
    built = built_of("6.12", host(4608, (bits,)))
    m, order = built.memory.m, 10
    while order >= 0:
        if alloc_pages(m, GFP_ATOMIC | zone, order, 0, ALL_NODES) == NONE:
            order -= 1
    assert dma_direct_alloc(m, 0, 1, GFP_ATOMIC) == NONE
    assert direct_count(m).dma_alloc_fail == 1 and free_of(built)[-1] > 100_000
    holds(built)


def test_an_arm_board_s_buffer_keeps_what_it_needs_of_a_block():
    """760 pages of a picture come from a block of 1,024, whose rest goes back; elsewhere all of it is taken."""
    built = built_of("3.1", host(64))
    m = built.memory.m
    for ops, taken in ((ARM, 760), (0, 1024)):
        dma_devices(m)[0].ops = ops
        before = sum(free_of(built))
        pfn = int(dma_direct_alloc(m, 0, 760, GFP_KERNEL))
        assert before - sum(free_of(built)) == taken == direct_state(m).pages
        holds(built)
        dma_direct_free(m, 0, pfn, 760)
        assert sum(free_of(built)) == before
    assert dma_direct_alloc(m, 0, 1025, GFP_KERNEL) == NONE  # larger than any block


def test_scattered_memory_comes_in_blocks_as_large_as_there_are():
    built = built_of("6.12", host(64))
    m, before = built.memory.m, sum(free_of(built))
    for ops, runs in ((ARM, 5), (0, None)):
        dma_devices(m)[0].ops = ops
        pfn = int(alloc_scattered(m, 0, 760, GFP_KERNEL))
        chain, at = [], pfn
        while at != NONE:
            chain.append(at)
            at = int(frames(m)[at].next)
        assert len(set(chain)) == 760 == direct_state(m).pages
        starts = [b for a, b in pairwise(chain) if b != a + 1]
        assert runs is None or len(starts) + 1 <= runs  # 512 + 128 + 64 + 32 + 16 + 8
        assert chain[:512] == list(range(pfn, pfn + 512))
        holds(built)
        free_scattered(m, pfn)
    assert sum(free_of(built)) == before
    assert alloc_scattered(m, 0, 20_000, GFP_ATOMIC) == NONE and sum(free_of(built)) == before


@pytest.mark.parametrize(
    ("kernel", "gib", "kib"), [("6.12", 1, 128), ("6.12", 8, 1024), ("6.12", 64, 4096), ("4.9", 8, 256)]
)
def test_sizes_of_atomic_pools(kernel, gib, kib):
    """128 KiB a GiB, a block at most; before 5.8 256 KiB."""
    assert atomic_pages(Cell(kernel=kernel, machine=host(gib << 10), tasks={"t": cells.given()})) * 4 == kib


def test_atomic_pools_serve_who_may_not_sleep():
    """Of a device whose memory needs another mapping; from its zone down; what is short is to be doubled."""
    built = built_of("6.12", host(5120, (64, 32, 24), confidential=True))
    m = built.memory.m
    assert atomic_pages(built.cell) == 160  # of which each pool has a whole block
    assert [int(pool.pages) for pool in atomic_pools(m)] == [256] * 3
    got = [int(dma_direct_alloc(m, dev, 4, GFP_ATOMIC)) for dev in range(3)]
    assert [zones(m)[int(frames(m)[pfn].zone)].kind for pfn in (int(c.pfn) for c in atomic_chunks(m)[:3])] == [2, 1, 0]
    assert all((pfn + 4) * PAGE <= 1 << bits for pfn, bits in zip(got, (63, 32, 24), strict=True))
    assert direct_state(m).work == 0
    holds(built)
    rest = [int(atomic_alloc(m, 8, 0, (1 << 63) - 1)) for _ in range(100)]
    assert direct_state(m).work == 1 and rest.count(NONE) == 100 - 3 * 31  # one pool after the other
    assert dma_direct_alloc(m, 2, 16, GFP_ATOMIC) == NONE and direct_count(m).dma_pool_fail == 1
    assert atomic_pool_expand(m, 0, int(atomic_pools(m)[0].pages)) == 1
    assert dma_direct_alloc(m, 2, 16, GFP_ATOMIC) != NONE
    for pfn in rest:
        if pfn != NONE:
            atomic_free(m, pfn, 8)
    for dev, pfn in enumerate(got):
        dma_direct_free(m, dev, pfn, 4)
    holds(built)


@pytest.mark.parametrize(("kernel", "per_page"), [("3.6", 15), ("6.2", 15), ("6.12", 16)])
def test_blocks_of_256_bytes_in_a_page(kernel, per_page):
    """The last one was wasted to 6.3, as it ends where the boundary is; the one freed last is the next."""
    built = built_of(kernel, host())
    m, before = built.memory.m, sum(free_of(built))
    pool = int(dma_pool_create(m, 0, 200, 256, 0))
    blocks = [int(dma_pool_alloc(m, pool, GFP_KERNEL)) for _ in range(per_page)]
    assert len({address // PAGE for address in blocks}) == 1 and direct_state(m).pool_pages == 1
    assert [address % PAGE for address in blocks] == list(range(0, 256 * per_page, 256))
    more = int(dma_pool_alloc(m, pool, GFP_KERNEL))
    assert direct_state(m).pool_pages == 2
    dma_pool_free(m, pool, more)
    dma_pool_free(m, pool, blocks[7])
    following = int(dma_pool_alloc(m, pool, GFP_KERNEL))
    assert following == (more if per_page == 15 else blocks[7])
    holds(built)
    dma_pool_destroy(m, pool)
    assert sum(free_of(built)) == before and direct_state(m).pool_pages == 0
    holds(built)


def test_blocks_do_not_cross_their_boundary():
    built = built_of("6.12", host())
    m = built.memory.m
    pool = int(dma_pool_create(m, 0, 300, 4, 1024))
    blocks = [int(dma_pool_alloc(m, pool, GFP_KERNEL)) % PAGE for _ in range(12)]
    assert blocks == [base + k * 300 for base in (0, 1024, 2048, 3072) for k in range(3)]
    assert dma_pool_create(m, 0, 5000, 1, 4096) == NONE
    holds(built)


def test_pages_for_a_controller_of_24_bits_are_copied_by_the_block_layer_to_5_12():
    for kernel, copies in (("3.1", True), ("5.12", True), ("5.13", False)):
        m = built_of(kernel, host(512, (24, 32))).memory.m
        assert bool(queue_bounces(m, 0, 4096)) == copies
        assert not queue_bounces(m, 0, 4095) and not queue_bounces(m, 1, 100_000)


def test_the_block_layer_s_reserve_is_used_and_filled_again():
    built = built_of("3.1", host(64, (24,)))
    m = built.memory.m
    fill_reserve(m)
    assert direct_state(m).elements == ISA_POOL_SIZE
    while alloc_pages(m, GFP_ATOMIC | DMA, 0, 0, ALL_NODES) != NONE:
        pass
    while alloc_pages(m, GFP_KERNEL & ~0x400 | DMA, 0, 0, ALL_NODES) != NONE:
        pass
    began = int(m.now)
    pages = [int(bounce_page(m, 9000, 1)) for _ in range(ISA_POOL_SIZE)]
    assert max(pages) < 4096 and direct_state(m).elements == 0 and direct_state(m).bounced == 16
    assert m.now - began >= 16 * 409
    holds(built)
    assert bounce_page(m, 9000, 1) == NONE and direct_count(m).bounce_waits == 1
    began = int(m.now)
    for page in pages:
        bounce_end_io(m, page, 1)
    assert m.now - began == 16 * 1024
    assert direct_state(m).elements == 16 and direct_state(m).bounced == 0 and direct_count(m).bounce_blocks == 16
    holds(built)


@pytest.mark.parametrize(
    ("kernel", "nbytes", "bounces"), [("6.4", 70, 0), ("6.5", 70, 1), ("6.5", 64, 0), ("6.5", 300, 0)]
)
def test_small_buffers_of_devices_that_see_no_caches_are_bounced_since_6_5(kernel, nbytes, bounces):
    m = built_of(kernel, host(64, force="force")).memory.m
    swiotlb_settings(m).forced = 0
    dma_devices(m)[0].coherent = 0
    address = int(dma_direct_map_entry(m, 0, 500, 64, nbytes, FROM_DEVICE))
    assert is_swiotlb(m, address) == bool(bounces) and (bounces or dma_to_pfn(m, address) == 500)
    assert not is_swiotlb(m, dma_direct_map_entry(m, 0, 500, 64, nbytes, TO_DEVICE))


def test_kmalloc_s_sizes():
    assert [int(kmalloc_size_roundup(n)) for n in (1, 9, 33, 65, 97, 129, 193)] == [8, 16, 64, 96, 128, 192, 256]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("get", "get", "put", "atomic", "pool", "scatter")), st.integers(1, 80), st.integers(0, 2)
    ),
    max_size=60,
)


@pytest.mark.parametrize("kernel", ["3.6", "6.12"])
@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_random_requests_lose_no_page(kernel, steps):
    machine = host(48, (64, 32, 24), confidential=kernel == "6.12", size=MiB if kernel == "6.12" else None)
    built = built_of(kernel, machine)
    m, held, blocks = built.memory.m, [], []
    before, pool = sum(free_of(built)), int(dma_pool_create(m, 1, 300, 8, 0))
    for what, pages, dev in steps:
        if what in ("get", "atomic"):
            gfp = GFP_KERNEL if what == "get" else GFP_ATOMIC
            pfn = int(dma_direct_alloc(m, dev, pages, gfp))
            held += [(dev, pfn, pages)] if pfn != NONE else []
        elif what == "scatter":
            pfn = int(alloc_scattered(m, dev, pages, GFP_KERNEL))
            held += [(-1, pfn, pages)] if pfn != NONE else []
        elif what == "pool":
            if blocks and pages & 1:
                dma_pool_free(m, pool, blocks.pop(pages % len(blocks)))
            else:
                blocks.append(int(dma_pool_alloc(m, pool, GFP_KERNEL)))
        elif held:
            dev, pfn, pages = held.pop(pages % len(held))
            give_back(m, dev, pfn, pages)
    assert len(set(blocks)) == len(blocks) and m.broken == 0
    laws.verify(built)
    for dev, pfn, pages in held:
        give_back(m, dev, pfn, pages)
    dma_pool_destroy(m, pool)
    assert sum(free_of(built)) == before
    laws.verify(built)


def give_back(m, dev: int, pfn: int, pages: int) -> None:
    if dev < 0:
        free_scattered(m, pfn)
    else:
        dma_direct_free(m, dev, pfn, pages)
