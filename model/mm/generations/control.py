"""What refaults say about the generations: a controller that compares shares of refaults (mm/vmscan.c, 6.1 and 6.18).

For each kind of page and each tier (pages by how often they were used through files) a lruvec counts what was evicted
or protected from the oldest generation, and what came back. When that generation ends, half of the counts carry over.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.generations.state import MAX_TIERS, lrugens
from mmrun.model.mm.lru.gens import MIN_LRU_BATCH
from mmrun.model.mm.lru.state import ONE_TOUCH, lru_settings


@kernel
def positive(sp_refaulted, sp_total, sp_gain, pv_refaulted, pv_total, pv_gain):
    """Whether `pv` refaults no more, for its gain, than the set point `sp` does (positive_ctrl_err)."""
    return (
        pv_refaulted < MIN_LRU_BATCH
        or pv_refaulted * (sp_total + MIN_LRU_BATCH) * sp_gain <= (sp_refaulted + 1) * pv_total * pv_gain
    )


@kernel
def refaulted(m, lv, kind, first, last):
    """Refaults of tiers `first` to `last`, the past at half its weight."""
    g, total = lrugens(m)[lv], 0
    for tier in range(first, last + 1):
        total += g.avg_refaulted[kind, tier] + g.refaulted[kind, tier]
    return total


@kernel
def handled(m, lv, kind, first, last):
    """Pages of tiers `first` to `last` that were evicted or protected, the past at half its weight."""
    g, total = lrugens(m)[lv], 0
    for tier in range(first, last + 1):
        total += g.avg_total[kind, tier] + g.evicted[kind, tier] + g.protected[kind, tier]
    return total


@kernel
def carry_over(m, lv, kind):
    """The oldest generation of a kind has ended: fold its counts into the averages (reset_ctrl_pos)."""
    g = lrugens(m)[lv]
    for tier in range(MAX_TIERS):
        g.avg_refaulted[kind, tier] = refaulted(m, lv, kind, tier, tier) // 2
        g.avg_total[kind, tier] = handled(m, lv, kind, tier, tier) // 2
        g.refaulted[kind, tier] = g.evicted[kind, tier] = g.protected[kind, tier] = 0


@kernel
def tier_limit(m, lv, kind):
    """The highest tier that may be evicted: those above refault more than tier 0 does (get_tier_idx)."""
    gain = 1 if lru_settings(m).lru_gen == ONE_TOUCH else 2
    return limit_against(m, lv, kind, gain + 1, kind, gain)


@kernel
def limit_against(m, lv, kind, gain, other, other_gain):
    """The highest tier of `kind` below the first that refaults more, gains weighed, than tier 0 of `other`."""
    for tier in range(1, MAX_TIERS):
        if not positive(
            refaulted(m, lv, other, 0, 0), handled(m, lv, other, 0, 0), other_gain,
            refaulted(m, lv, kind, tier, tier), handled(m, lv, kind, tier, tier), gain,
        ):  # fmt: skip
            return tier - 1
    return MAX_TIERS - 1


@kernel
def cheaper_kind(m, lv, swappiness):
    """The kind that refaults less for its share: 1 file, 0 anon. All tiers count, until 6.14 only the first."""
    last = 0 if lru_settings(m).lru_gen == ONE_TOUCH else MAX_TIERS - 1
    file = positive(
        refaulted(m, lv, 0, 0, last), handled(m, lv, 0, 0, last), swappiness,
        refaulted(m, lv, 1, 0, last), handled(m, lv, 1, 0, last), 200 - swappiness,
    )  # fmt: skip
    return 1 if file else 0
