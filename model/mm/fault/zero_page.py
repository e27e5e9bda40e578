"""The page of zeros that all memory shares which was read and never written (ZERO_PAGE, mm/memory.c).

It is on no list, counts no mappings, is nobody's; its words are write-protected.
"""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import task_count
from mmrun.model.mm.fault.state import zero_count
from mmrun.model.mm.task.state import PTE_FRAME, PTE_PRESENT, PTE_SHIFT, PTE_WRPROTECT, PTE_YOUNG, fault_settings, pte


@kernel
def is_zero_word(m, word):
    """Whether a present page-table word points at the page of zeros (is_zero_pfn)."""
    return (word >> PTE_SHIFT) & PTE_FRAME == fault_settings(m).zero_pfn


@kernel
def map_zero_page(m, t, at):
    """A load of word `at`, which maps nothing, finds zeros (do_anonymous_page)."""
    m.now += fault_settings(m).minor_fault_file
    task_count(m)[t].minor_faults += 1
    zero_count(m).zero_page_maps += 1
    pte(m)[at] = PTE_PRESENT | PTE_YOUNG | fault_settings(m).zero_pfn << PTE_SHIFT | PTE_WRPROTECT
    return OK
