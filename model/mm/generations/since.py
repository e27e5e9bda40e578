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
    gap("6.2", "6.13", "changes to generations between 6.1 with its stable fixes and the rework of 6.14 are left out"),
)  # fmt: skip
