"""Page faults, the page cache, readahead (mm/memory.c, mm/filemap.c, mm/readahead.c)."""
