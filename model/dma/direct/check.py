"""Coherent memory is what is counted as such; pages of atomic pools and small blocks are in one place."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.dma.direct.state import direct_state
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import BOUNCE_PAGE, DMA_PAGE, KERNEL


def verify(built: Built, seen: np.ndarray) -> None:
    """Frames against counts, pools against their chunks and blocks."""
    frames, state = built.memory.table("frames"), direct_state(built.memory.m)
    heads = np.flatnonzero(frames["kind"] == DMA_PAGE)
    require((frames["state"][heads] & KERNEL).all(), lambda: "coherent memory that is not the kernel's")
    pages = (1 << frames["order"][heads].astype(np.int64)).sum()
    require(pages == state.pages, lambda: f"{state.pages} pages of coherent memory are counted, there are {pages}")
    lent = (frames["kind"] == BOUNCE_PAGE) & (frames["slot"] == 0)
    overflow = int((built.memory.table("io_tlb_pools")["live"] > 0).any()) * _overflow(built)
    require(
        lent.sum() == state.bounced + state.elements + overflow,
        lambda: "bounce pages of the block layer are miscounted",
    )
    _atomic(built)
    _blocks(built)


def _overflow(built: Built) -> int:
    from mmrun.model.dma.swiotlb.state import OVERFLOW_PAGES, swiotlb_state

    return OVERFLOW_PAGES if swiotlb_state(built.memory.m).overflow else 0


def _atomic(built: Built) -> None:
    """Chunks of every pool, and their bits."""
    pools, chunks, bits = (built.memory.table(name) for name in ("atomic_pools", "atomic_chunks", "atomic_bits"))
    frames = built.memory.table("frames")
    for p, pool in enumerate(pools):
        own = np.flatnonzero((chunks["live"] > 0) & (chunks["pool"] == p))
        pages = used = 0
        for c in own:
            size, bit = 1 << int(chunks["order"][c]), int(chunks["bit"][c])
            pages += size
            used += int(bits[bit : bit + size].sum())
            require(frames["slot"][chunks["pfn"][c]] == c + 1, lambda c=c: f"chunk {c} is not in its frames")
        require(pages == pool["pages"], lambda p=p: f"atomic pool {p} miscounts its pages")
        require(pages - used == pool["free"], lambda p=p: f"atomic pool {p} miscounts what is free")


def _blocks(built: Built) -> None:
    """Blocks of every pool: free ones in its chains, the others in use."""
    m = built.memory.m
    pools, pages, blocks = (built.memory.table(name) for name in ("dma_pools", "dma_pool_pages", "dma_blocks"))
    blocks = blocks[: int(direct_state(m).block_rows)]
    total = 0
    for p, pool in enumerate(pools[: int(direct_state(m).pools)]):
        own = np.flatnonzero(pages["pool"] == p + 1)
        require(len(own) == pool["pages"], lambda p=p: f"pool {p} of small blocks miscounts its buffers")
        total += len(own) * -(-int(pool["allocation"]) // 4096)
        mine = np.flatnonzero(np.isin(blocks["page"], own)) if len(own) else np.array([], dtype=np.int64)
        busy = blocks["busy"][mine] > 0
        require(busy.sum() == pool["used"], lambda p=p: f"pool {p} of small blocks miscounts what is in use")
        free = [b for head in (int(pool["next"]), *map(int, pages["free"][own])) for b in _chain(blocks, head)]
        require(sorted(free) == sorted(mine[~busy].tolist()), lambda p=p: f"a free block of pool {p} is lost, or twice")
    require(total == direct_state(m).pool_pages, lambda: "pages of pools of small blocks are miscounted")


def _chain(blocks: np.ndarray, head: int) -> list[int]:
    found = list[int]()
    while head and len(found) <= len(blocks):
        found.append(head - 1)
        head = int(blocks["next"][head - 1])
    return found
