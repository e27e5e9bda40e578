"""Page migration: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, since

DATED: Dated = (
    axis(
        "migration",
        always("one-by-one", "mm/migrate.c: migrate_pages, unmap_and_move, to 6.2"),
        since("6.3", "batched", "5dfab109d519 migrate_pages: batch _unmap and _move, 6.3"),
    ),
    flag("migrates_huge", "a huge page is migrated whole if there is another; before, it is split first",
         "9c670ea37947 mm: thp: introduce CONFIG_ARCH_ENABLE_THP_MIGRATION, 4.14", since="4.14"),
    flag("splits_partly_mapped", "a large folio that is partly unmapped is split, not migrated whole",
         "mm/migrate.c: migrate_pages_batch, 6.12; mm/migrate: split folios on the deferred list, 6.10", since="6.10"),
    flag("entries_keep_young", "a page that was used before it was migrated is still young afterwards",
         "2e3468778dbe mm: remember young/dirty bit for page migrations, 6.1", since="6.1"),
    flag("waiters_refer", "who waits for a page that is migrated holds a reference, so that the migration fails",
         "9a1ea439b16b mm: put_and_wait_on_page_locked() while page is migrated, 5.0", until="5.0"),
    flag("lru_cache_disable", "while pages are moved by a system call they pass no per-CPU batch",
         "d479960e44f2 mm: disable LRU pagevec during the migration temporarily, 5.13", since="5.13"),
    flag("light_waits_for_reads", "MIGRATE_SYNC_LIGHT waits for a page that is being read",
         "4bb6dc79d987 migrate_pages: avoid blocking for IO in MIGRATE_SYNC_LIGHT, 6.4", until="6.4"),
    flag("pins_leave_cma", "pages pinned for long leave contiguous memory areas first",
         "9a4e9f3b2d73 mm: update get_user_pages_longterm to migrate pages from CMA, 5.1", since="5.1"),
    flag("pins_leave_movable", "and ZONE_MOVABLE and blocks that are being isolated",
         "d1e153fea2a8 mm/gup: migrate pinned pages out of movable zone, 5.13", since="5.13"),
)  # fmt: skip
