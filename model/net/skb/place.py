"""Socket buffers of a machine record: their slab caches, rows for buffers and pieces, blocks to cut from."""

from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.net.link.place import links_in_use, pairs
from mmrun.model.net.skb.state import CLASSES, KMALLOC
from mmrun.model.units import PAGE

MOST = 1 << 22  # rows of buffers, and of pieces
SIZES = (256, 512, 704, *CLASSES)  # bytes of the caches' objects
MAX_ORDER, LARGEST_WASTE = 3, 16  # slub_max_order: PAGE_ALLOC_COSTLY_ORDER; a sixteenth of a slab may be left over


def sockets_of(plan: Plan) -> int:
    """Rows of sockets: two a connection."""
    return 2 * len(pairs(plan))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    if not (sockets := sockets_of(plan)):
        return {"skb_caches": 0}
    most = min(MOST, 4 * plan.frames)
    return {
        "skbs": most, "skb_frags": most, "skb_caches": KMALLOC + len(CLASSES),
        "page_frags": 2 * plan.cpus + sum(plan.actors.values()) + len(links_in_use(plan)) + sockets,
        "page_pools": len(links_in_use(plan)),
    }  # fmt: skip


def least_order(size: int) -> int:
    """The order of the smallest slab that holds an object (get_order)."""
    return max(0, (size - 1) // PAGE).bit_length()


def slab_order(size: int, cpus: int) -> int:
    """The order of a cache's slabs: enough objects for the CPUs there are, little left over (calculate_order, SLUB)."""
    want = min(4 * (cpus.bit_length() + 1), (PAGE << MAX_ORDER) // size)
    while want > 1:
        fraction = LARGEST_WASTE
        while fraction >= 4:
            for order in range(least_order(want * size), MAX_ORDER + 1):
                if (PAGE << order) % size <= (PAGE << order) // fraction:
                    return order
            fraction //= 2
        want -= 1
    return least_order(size)


def place(built: Built) -> None:
    """Fill the rows of caches and of blocks to cut from."""
    for c, row in enumerate(built.memory.table("skb_caches")):
        row.bytes, row.order, row.least_order = SIZES[c], slab_order(SIZES[c], built.plan.cpus), least_order(SIZES[c])
        row.per_slab = (PAGE << row.order) // SIZES[c]
        row.partial["head"] = row.partial["tail"] = row.tagged["head"] = row.tagged["tail"] = NONE
    built.memory.table("page_frags")["frame"] = NONE
