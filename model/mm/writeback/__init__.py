"""Dirty pages on their way to disks: files, extents, flushers, plugs, who waits for a page; limits of dirtiness.

Source: fs/fs-writeback.c, mm/page-writeback.c, mm/filemap.c (waiting), fs/nfs/write.c. Formulas stand apart from the
machine (`page_writeback`, `wb_bandwidth`, `wb_fraction`, `dirty_ratelimit`), so that vectors test them.
"""
