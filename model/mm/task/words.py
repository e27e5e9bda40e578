"""What page-table words say (pte_present, pte_protnone, pte_dirty).

A word maps a frame if it is present, or a hint entry: DIRTY and nothing else of the three flags (prot-none). The page
of a hint entry is as mapped as any other, but its next use faults; what had been used and stored through it by then is
in the state of the frame. A word that is young and not present is a migration entry
(model/mm/migrate/entries.py). A word without flags, if it is not 0, names a swap slot.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FLAGS, PTE_PRESENT, PTE_YOUNG


@kernel
def maps(word):
    """Whether a word maps a frame."""
    return word & PTE_PRESENT or word & PTE_FLAGS == PTE_DIRTY


@kernel
def is_hint(word):
    """Whether a word maps a frame whose next use is to fault, for NUMA balancing (pte_protnone)."""
    return word & PTE_FLAGS == PTE_DIRTY


@kernel
def is_migration_entry(word):
    """Whether a word stands for a page that is on its way to another frame: young, and not present."""
    return word & (PTE_PRESENT | PTE_YOUNG) == PTE_YOUNG


@kernel
def is_plain(word):
    """Whether a word is neither a hint nor a migration entry: present, a swap slot, or empty."""
    return word & PTE_PRESENT or not word & PTE_FLAGS


@kernel
def is_slot(word):
    """Whether a word names a swap slot."""
    return word and not word & PTE_FLAGS


@kernel
def stored_through(word):
    """Whether a present word says that a store went through it."""
    return word & PTE_DIRTY and word & PTE_PRESENT


@kernel
def keep_bits(word, keep):
    """The word with the bits in `keep` alone; a hint entry stays one."""
    return word & (keep if word & PTE_PRESENT else keep | PTE_DIRTY)
