"""How fragmented the free pages of a zone are (mm/vmstat.c: fragmentation_index, unusable_free_index)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.state import MAX_ORDER, zones
from mmrun.model.mm.page.zones import blocks_of_order

HUGE_ORDER = 9  # COMPACTION_HPAGE_ORDER


@kernel
def contig_page_info(m, z, order):
    """(free pages, free blocks, blocks of 2^order that can be had from them) of a zone (fill_contig_page_info)."""
    pages = blocks = suitable = 0
    for k in range(MAX_ORDER):
        nr = blocks_of_order(m, z, k)
        blocks += nr
        pages += nr << k
        if k >= order:
            suitable += nr << (k - order)
    return pages, blocks, suitable


@kernel
def fragmentation_index(m, z, order):
    """-1000: a block is there; towards 0 an allocation fails for want of memory, towards 1000 for fragmentation."""
    pages, blocks, suitable = contig_page_info(m, z, order)
    if blocks == 0:
        return 0
    if suitable:
        return -1000
    return 1000 - (1000 + pages * 1000 // (1 << order)) // blocks


@kernel
def unusable_index(m, z, order):
    """Thousandths of the free pages that no block of 2^order can be made of; all where none is free."""
    pages, _, suitable = contig_page_info(m, z, order)
    return 1000 if pages == 0 else (pages - (suitable << order)) * 1000 // pages


@kernel
def extfrag_for_order(m, z, order):
    """Percent of the free pages that no block of 2^order can be made of; 0 where none is free."""
    pages, _, suitable = contig_page_info(m, z, order)
    return 0 if pages == 0 else (pages - (suitable << order)) * 100 // pages


@kernel
def fragmentation_score_node(m, nid):
    """The same for huge pages over a node, every zone by its share of it (fragmentation_score_node)."""
    node, score = nodes(m)[nid], 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        if zones(m)[z].managed:
            score += zones(m)[z].span * extfrag_for_order(m, z, HUGE_ORDER) // (node.present + 1)
    return score
