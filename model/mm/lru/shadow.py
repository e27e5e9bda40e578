"""Shadow entries: what a page leaves behind in its page-cache or swap-cache slot when it is evicted.

A negative 64-bit integer that packs the nonresident age of the reclaiming lruvec (40 bits), group (14), node (4) and
the workingset bit; above these, in files that may have large folios, the order of the folio that left it, which is one
entry of the tree in all of its slots (to 4.7 the zone). A positive slot holds a frame number + 1; 0 is empty.
"""

from mmrun.model.core.jit import kernel

ORDER_SHIFT = 59


@kernel
def pack(age, memcg, node, workingset):
    """The slot value of a page evicted at `age`."""
    return -(((age & ((1 << 40) - 1)) << 19) | (memcg << 5) | (node << 1) | workingset) - 1


@kernel
def age_of(shadow):
    """Nonresident age at eviction."""
    return ((-shadow - 1) >> 19) & ((1 << 40) - 1)


@kernel
def of_order(shadow, order):
    """The shadow, as that of a folio of 2^order pages."""
    return -(((-shadow - 1) & ((1 << ORDER_SHIFT) - 1)) | (order << ORDER_SHIFT)) - 1 if shadow else shadow


@kernel
def order_of(shadow):
    """The order of the folio that left the shadow."""
    return (-shadow - 1) >> ORDER_SHIFT


@kernel
def memcg_of(shadow):
    """Group that was being reclaimed."""
    return ((-shadow - 1) >> 5) & 16383


@kernel
def node_of(shadow):
    """Node the page was on."""
    return ((-shadow - 1) >> 1) & 15


@kernel
def was_workingset(shadow):
    """Whether the page was part of the workingset when it was evicted."""
    return (-shadow - 1) & 1
