"""How far a CPU's TLB reaches: entries by page size in sets of so many ways, and what a walk of the page table costs.

Hardware, not kernel: translations are cached in two levels, the least recently used of a set makes room, and an access
whose translation is in neither level walks the page table. Off unless `machine.tlb` describes one: without it nothing
here runs. The kernel's part is to flush what it unmaps (arch/x86/mm/tlb.c).
"""
