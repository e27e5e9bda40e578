"""Memory tiers: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap, since, sysctl, within

DATED: Dated = (
    axis(
        "tiering",
        always("every-fault", "c574bbe91703 NUMA balancing: optimize page placement for memory tiering system, 5.18"),
        since("6.1", "latency", "33024536bafd memory tiering: hot page selection with hint page fault latency, 6.1"),
    ),
    sysctl("demotion_enabled", since("5.15", 0, "20b51af15e01 mm/migrate: add sysfs interface to enable reclaim "
                                     "migration, 5.15")),
    within("demotion_enabled", since("5.15", (0, 1), "a boolean")),
    sysctl("numa_balancing_promote_rate_limit_MBps",
           since("6.1", 65_536, "c6833e10008f memory tiering: rate limit NUMA migration throughput, 6.1")),
    sysctl("numa_balancing_hot_threshold_ms",
           since("6.1", 1000, "33024536bafd memory tiering: hot page selection with hint page fault latency, 6.1")),
    flag("limits_demote", "reclaim for the limit of a group moves pages to lower tiers, too",
         "3f1509c57b1b Revert \"mm/vmscan: never demote for memcg reclaim\"", since="5.19", unsure="5.19 or 6.0"),
    flag("falls_back", "a page that its nearest lower node has no room for may go to any lower one",
         "32008027afe4 mm/demotion: demote pages according to allocation fallback order, 6.1", since="6.1"),
    gap("5.15", "6.0", "demotion targets follow from tiers as since 6.1, not from a chain of nodes by distance"),
)  # fmt: skip
