"""Names of memory.idle_page_stats: how much of a group was idle for so many scans, by what reclaiming it would take.

Cumulative and in bytes, as in the patches of 2011: a page idle for five scans counts as idle for two and for one too.
"""

BOUNDS = (1, 2, 5, 15, 30, 60, 120, 240)  # scans: lower bounds of the buckets of model/mm/idle/idle.py
CLASSES = {  # in the order of model/mm/idle/idle.py
    "clean": "clean: reclaim can drop it",
    "dirty_file": "dirty, written to its file first",
    "dirty_swap": "written to swap first",
}


def idle_name(bound: int, kind: str) -> str:
    """Name of the field for pages idle for at least `bound` scans, of class `kind`."""
    return f"idle_{kind}" if bound == 1 else f"idle_{bound}_{kind}"


def idle_fields() -> dict[str, str]:
    """Every field by name, and what it means."""
    return {
        idle_name(bound, kind): f"memory idle for {bound} scan{'s' if bound > 1 else ''} or more, {meaning}"
        for bound in BOUNDS
        for kind, meaning in CLASSES.items()
    }
