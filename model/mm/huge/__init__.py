"""Transparent huge pages: anonymous memory in folios of many pages (mm/huge_memory.c, mm/memory.c, mm/vmscan.c).

A fault takes an aligned block of 2^9 pages, clears it and maps it by one entry above the leaf tables, where the
mapping covers the block, the settings say so and the allocator has one at the price that `defrag` allows; since 6.8
smaller powers of two are tried as well, mapped by words of their own. The folio has one state, is on one list, is
charged, scanned and swapped as one. What breaks it up: a part of it is unmapped (it waits on a queue to be split when
memory is short, since 4.5; before, it was split at once), there are no slots for it in swap, or reclaim finds it
partly unmapped. `map.py` maps, `fault.py` takes the fault, `zap.py` unmaps, `split.py` splits, `deferred.py` is the
queue, `swapout.py` puts folios into swap.
"""
