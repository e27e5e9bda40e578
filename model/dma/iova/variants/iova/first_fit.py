"""ARM's mapper of 3.5: one bitmap of a window of addresses, first fit, aligned to the size rounded up.

A bit stands for 2^`order` pages. Translations are flushed as they go, nothing is put off.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.dma.iova.bitmap import clear_bits, find_zero_area, set_bits
from mmrun.model.dma.iova.domain import gave, took_back
from mmrun.model.dma.iova.locks import hold_lock
from mmrun.model.dma.iova.state import LOCKS, TREE_LOCK, iova_domains, iova_settings
from mmrun.model.dma.iova.tree import roundup_pow_of_two

SOURCE = "arch/arm/mm/dma-mapping.c, 3.6: arm_iommu_create_mapping, __alloc_iova, __free_iova"
QUEUE = "at-once"
PARAMS = {
    "window": (0x20000, "pages", "first page of the window of addresses", "EXYNOS_DEV_ADDR_START, 3.6",
               (1, 0xFFFFF, "below 4 GiB")),
    "window_pages": (0x40000, "pages", "pages of the window", "EXYNOS_DEV_ADDR_SIZE, 3.6",
                     (1, 0x100000, "below 4 GiB")),
    "order": (0, "order", "a bit of the map stands for 2^order pages", "EXYNOS_DEV_ADDR_ORDER, 3.6",
              (0, 10, "MAX_ORDER")),
}  # fmt: skip
params = parameters("iova", PARAMS, 428)


@hook
def alloc_iova(m, domain, pages, limit_pfn):
    d, order = iova_domains(m)[domain], params(m).order
    bits, align = (pages + (1 << order) - 1) >> order, max(1, roundup_pow_of_two(pages) >> order)
    end = min(params(m).window_pages, limit_pfn + 1 - params(m).window) >> order
    found, words = find_zero_area(m, domain, 0, end, bits, align)
    m.now += iova_settings(m).iova_alloc
    hold_lock(m, domain * LOCKS + TREE_LOCK, words // 2 * iova_settings(m).iova_word)
    if found < 0:
        return gave(m, domain, 0, pages)
    set_bits(m, domain, found, bits)
    d.bits += bits
    return gave(m, domain, params(m).window + (found << order), pages)


@hook
def free_iova(m, domain, iova, pages):
    order = params(m).order
    bits = (pages + (1 << order) - 1) >> order
    clear_bits(m, domain, (iova - params(m).window) >> order, bits)
    iova_domains(m)[domain].bits -= bits
    hold_lock(m, domain * LOCKS + TREE_LOCK, iova_settings(m).iova_free)
    return took_back(m, domain, pages)
