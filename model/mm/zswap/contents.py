"""What a page contains, as far as zswap sees it: a share of all pages each, told by the number of its word.

The model's pages have no contents. A page keeps what it contains for as long as it is its task's, so that it is the
same to zswap every time. Golden-ratio steps spread the kinds evenly over an address space.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import NOBODY
from mmrun.model.mm.zswap.state import zswap_entries, zswap_settings

UNKNOWN, ORDINARY, ZERO_FILLED, WORD_FILLED, INCOMPRESSIBLE = range(5)
GOLDEN = 40503  # 2^16 over the golden ratio: a step that comes near no place twice soon


@kernel
def drawn(m, word):
    """What a page of this number is."""
    s, at = zswap_settings(m), word * GOLDEN & 0xFFFF
    if at < s.zero_filled:
        return ZERO_FILLED
    if at < s.zero_filled + s.same_filled:
        return WORD_FILLED
    return INCOMPRESSIBLE if at < s.zero_filled + s.same_filled + s.incompressible else ORDINARY


@kernel
def contents(m, pfn, slot):
    """What the page of a slot in the swap cache is; one that nobody has mapped since it was read back is as before."""
    e = zswap_entries(m)[slot]
    if e.contents == UNKNOWN:
        head = folio_of(m, pfn)
        owner = frames(m)[head].owner
        e.contents = drawn(m, owner + pfn - head) if owner != NONE and owner != NOBODY else ORDINARY
    return e.contents


@kernel
def compressed_length(m, what):
    """Bytes that a page compresses to; a word over and over to next to nothing."""
    if what == INCOMPRESSIBLE:
        return 1 << 12
    return zswap_settings(m).length if what == ORDINARY else zswap_settings(m).length >> 4
