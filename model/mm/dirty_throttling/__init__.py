"""How writers are held back when too much of memory is dirty (balance_dirty_pages, mm/page-writeback.c)."""
