"""AMD's driver to 4.8: a bitmap for each 128 MiB of addresses, opened one after the other up to 4 GiB, next fit.

What was freed behind the search is not found before the search begins anew at the lowest address; then all translations
of the domain are flushed first. What is freed ahead of it is flushed when it is freed. So unmapping seldom flushes, and
no queue is needed. Streaming mappings are not aligned; the last page of an aperture is never given out.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.dma.iova.bitmap import clear_bits, find_zero_area, set_bits
from mmrun.model.dma.iova.domain import gave, took_back
from mmrun.model.dma.iova.flush_queue import flush_domain
from mmrun.model.dma.iova.locks import hold_lock
from mmrun.model.dma.iova.state import LOCKS, TOP_32BIT, TREE_LOCK, iova_count, iova_domains, iova_settings

SOURCE = "drivers/iommu/amd_iommu.c, 3.6: dma_ops_area_alloc, alloc_new_range, dma_ops_free_addresses"
QUEUE = "need-flush"
APERTURE = 1 << 15  # pages: APERTURE_RANGE_SIZE, 128 MiB
INTERRUPTS, INTERRUPT_PAGES = 0xFEE00, 10  # where interrupts are written to: never given out


@kernel
def alloc_new_range(m, domain):
    """Open another aperture; False: there are 4 GiB already."""
    d = iova_domains(m)[domain]
    if d.opened >= TOP_32BIT:
        return False
    taken = 0
    if d.opened == 0:
        taken = 1
        set_bits(m, domain, 0, 1)  # page 0 is no address
    elif d.opened <= INTERRUPTS < d.opened + APERTURE:
        taken = INTERRUPT_PAGES
        set_bits(m, domain, INTERRUPTS, INTERRUPT_PAGES)
    d.reserved += taken
    d.bits += taken
    d.opened += APERTURE
    return True


@kernel
def area_alloc(m, domain, pages, limit_pfn, start):
    """The first free range from page `start` on within an aperture: (its first page or 0, words read)."""
    d, words = iova_domains(m)[domain], 0
    at = d.next % APERTURE
    for first in range(start // APERTURE * APERTURE, d.opened, APERTURE):
        if first >= limit_pfn:
            break
        end = min(first + APERTURE, limit_pfn + 1) - 1
        found, read = find_zero_area(m, domain, first + at, end, pages, 1)
        words += read
        if found >= 0:
            set_bits(m, domain, found, pages)
            d.next = found + pages
            d.bits += pages
            return found, words
        at = 0
    return 0, words


@kernel
def alloc_addresses(m, domain, pages, limit_pfn):
    """From where the last search ended; else from the start, and then translations are flushed."""
    d = iova_domains(m)[domain]
    found, words = area_alloc(m, domain, pages, limit_pfn, d.next)
    if not found:
        d.next, d.need_flush = 0, 1
        found, more = area_alloc(m, domain, pages, limit_pfn, 0)
        words += more
    m.now += iova_settings(m).iova_alloc
    hold_lock(m, domain * LOCKS + TREE_LOCK, words // 2 * iova_settings(m).iova_word)
    return found


@hook
def alloc_iova(m, domain, pages, limit_pfn):
    d = iova_domains(m)[domain]
    found = alloc_addresses(m, domain, pages, limit_pfn)
    while not found:
        opened = d.opened
        if not alloc_new_range(m, domain):
            break
        d.next = opened
        found = alloc_addresses(m, domain, pages, limit_pfn)
    if d.need_flush and d.stale:
        iova_count(m).fq_flush_full += 1
        flush_domain(m, domain)
    d.need_flush = 0
    return gave(m, domain, found, pages)


@hook
def free_iova(m, domain, iova, pages):
    d = iova_domains(m)[domain]
    clear_bits(m, domain, iova, pages)
    d.bits -= pages
    if iova >= d.next:
        d.need_flush = 1
    hold_lock(m, domain * LOCKS + TREE_LOCK, iova_settings(m).iova_free)
    return took_back(m, domain, pages)
