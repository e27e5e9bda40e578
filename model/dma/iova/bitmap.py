"""Bitmaps of pages that are taken: one bit a page, or a few.

Source: lib/bitmap.c: bitmap_find_next_zero_area; lib/iommu-helper.c: iommu_area_alloc.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.dma.iova.state import WORD, iova_settings, iova_words

FULL = (1 << WORD) - 1


@kernel
def set_bits(m, domain, first, count):
    """Bits [first, first + count) of the domain's bitmap are taken."""
    base = domain * iova_settings(m).words
    for bit in range(first, first + count):
        iova_words(m)[base + bit // WORD] |= 1 << bit % WORD


@kernel
def clear_bits(m, domain, first, count):
    """They are free again."""
    base = domain * iova_settings(m).words
    for bit in range(first, first + count):
        iova_words(m)[base + bit // WORD] &= ~(1 << bit % WORD)


@kernel
def _next_bit(m, domain, bit, end, empty):
    """The first bit in [bit, end) that is set, or after words full of them (`empty` = FULL) that is not; or `end`."""
    base = domain * iova_settings(m).words
    while bit < end:
        word = (iova_words(m)[base + bit // WORD] ^ empty) >> bit % WORD
        if word == 0:
            bit = (bit // WORD + 1) * WORD
            continue
        while not word & 1:
            word >>= 1
            bit += 1
        return min(bit, end)
    return end


@kernel
def find_zero_area(m, domain, start, end, count, align):
    """The first `count` free bits in a row in [start, end), from a multiple of `align` on: (the first or -1, words)."""
    bit, words = start, 0
    while True:
        free = _next_bit(m, domain, bit, end, FULL)
        first = (free + align - 1) // align * align
        if first + count > end:
            return -1, words + (end - bit) // WORD + 1
        taken = _next_bit(m, domain, first, first + count, 0)
        words += (taken - bit) // WORD + 1
        if taken == first + count:
            return first, words
        bit = taken + 1
