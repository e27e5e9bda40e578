"""Memory tiers: what is known of nodes and of pages that have moved; how it is set."""

from mmrun.model.core.record import one, row, table
from mmrun.model.machine.state import ZONES_PER_NODE

STEPS = 16  # NUMA_MIGRATION_ADJUST_STEPS

# Of a node. `tier`: 0 is the fastest; `top`: in the tiers down to the last one that has CPUs; `targets`, `rest`: masks
# of the nearest nodes of the next lower tier, 0 while nothing is demoted, and of nodes of this and lower tiers; `rng`:
# chooses among targets; `promo`: pages above high at which kswapd rests, by zone; `threshold`: latency of a hot page
# (ms), 0: as set; `th_start`, `rl_start`: when threshold and rate were last looked at (ms), `th_candidates`,
# `rl_candidates`: how many there had been then.
TIER = row(
    tier="i8", top="i8", targets="i8", rest="i8", rng="i8", promo=("i8", (ZONES_PER_NODE,)), threshold="i8",
    th_start="i8", th_candidates="i8", rl_start="i8", rl_candidates="i8",
)  # fmt: skip
tiers = table(225, "tiers", TIER)
tier_settings = one(  # ms, MiB/s, 0 or 1; `ping_pong` in ns; `demotes_ahead`: allocations wake kswapd for it
    226, "tier_settings", row(
        demotion_enabled="i8", numa_balancing_promote_rate_limit_MBps="i8", numa_balancing_hot_threshold_ms="i8",
        numa_balancing_scan_period_max_ms="i8", limits_demote="i8", falls_back="i8", ping_pong="i8", demotes_ahead="i8",
    ),
)  # fmt: skip
# When a page was last promoted, or if negative demoted (ms + 1): by page-table word if anonymous, behind those by slot
# of the page cache: that stays the same wherever the page is.
moved = table(227, "moved", "i4")
