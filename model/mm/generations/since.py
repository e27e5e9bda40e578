"""Multi-generational LRU: since when it can be built in, and what changed in it."""

from mmrun.model.core.timeline import Dated, always, axis, gap, option, param, since

DATED: Dated = (
    option("mglru", "CONFIG_LRU_GEN_ENABLED", since("6.1", True, "mm/vmscan.c of 6.1 with CONFIG_LRU_GEN")),
    axis("lru", since("6.1", "mglru", "mm/vmscan.c of 6.1 with CONFIG_LRU_GEN"), option="mglru"),
    axis("memcg", since("6.3", "memcg-lru", "mm: multi-gen LRU: per-node lru_gen_folio lists, 6.3"), option="mglru"),
    param(
        "lru/mglru", "two_touch",
        always(False, "mm/vmscan.c of 6.1"),
        since("6.14", True, "the rework of December 2024, mm/vmscan.c of 6.14"),
    ),
    param(
        "lru/mglru", "go_by_priority",
        always(False, "mm/vmscan.c of 6.1; 6.14 as recorded"),
        since("6.17", True, "mm: vmscan: apply proportional reclaim pressure for memcg when MGLRU is enabled",
              "posted on 30 May 2025, after 6.15; recorded on 6.17, not on 6.14"),
    ),
    param(
        "lru/mglru", "walk_small",
        always(False, "mm/vmscan.c of 6.1: should_skip_mm"),
        since("6.8", True, "mm/mglru: add CONFIG_LRU_GEN_WALKS_MMU: get_next_mm, December 2023"),
    ),
    param(
        "lru/mglru", "queued_off_lru",
        always(False, "mm/swap.c of 6.1: folio_activate"),
        since("6.11", True, "33dfe9204f29 mm/gup: clear the LRU flag of a page before adding to LRU batch",
              "July 2024: 6.10 or 6.11"),
        since("6.17", False, "mm: revert \"mm/gup: clear the LRU flag of a page before adding to LRU batch\", 6.17"),
    ),
    gap("6.2", "6.13", "changes to generations between 6.1 with its stable fixes and the rework of 6.14 are left out"),
)  # fmt: skip
