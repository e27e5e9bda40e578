"""Page migration: calls in progress, lists of isolated folios, what a task asks for and is told."""

from mmrun.model.core.record import LIST, one, row, table
from mmrun.model.mm.migrate.settings import COUNTERS, REASONS

ASYNC, SYNC_LIGHT, SYNC = 0, 1, 2  # enum migrate_mode: over what the mover may sleep
TO_NODE, TO_COMPACTION, TO_POLICY = 0, 1, 2  # where new frames come from: what `private` is
(
    MR_COMPACTION, MR_MEMORY_FAILURE, MR_MEMORY_HOTPLUG, MR_SYSCALL, MR_MEMPOLICY_MBIND, MR_NUMA_MISPLACED,
    MR_CONTIG_RANGE, MR_LONGTERM_PIN, MR_DEMOTION, MR_DAMON,
) = range(len(REASONS))  # fmt: skip
CALLS, LISTS = 4, 8  # an actor: calls within calls (a target's allocation may reclaim, compact), lists held
CPU_WORDS = 8  # of 32 bits each: the CPUs of a machine

MOVED, UNMAPPED, AGAIN, BUSY, NO_MEMORY, SPLIT = range(6)  # what became of one folio in one try
ENOENT, EIO, ENOMEM, EACCES, EFAULT, EBUSY, ENODEV, EINVAL = 2, 5, 12, 13, 14, 16, 19, 22

# A call of migrate_pages. `work`: the folios at hand; `source`, `target_frames`: what is unmapped and where each of it
# goes, in the same order; `stuck`: what failed of those at hand; `singles`: what has its turn alone yet; `split`: pages
# of folios that were split; `left`: what failed; `cpus`: whose TLBs the next flush is for, `unflushed`: whether one is.
MIGRATION = row(
    mode="i8", reason="i8", target="i8", private="i8", succeeded="i8", failed="i8", thp_succeeded="i8",
    thp_failed="i8", thp_split="i8", work=LIST, source=LIST, target_frames=LIST, stuck=LIST, singles=LIST,
    split=LIST, left=LIST,
    unflushed="i8", cpus=("i8", (CPU_WORDS,)),
)  # fmt: skip
# An actor's use of both tables below, and of a task the request it makes: which pages, whose, what it was told last.
MOVER = row(
    calls="i8", lists="i8", count="i8", node="i8", whose="i8", mask="i8", interleaved="i8",
    returned="i8", moved="i8", absent="i8", refused="i8",
    busy="i8", unmapped="i8", unset="i8", last_mode="i8", last_reason="i8",
)  # fmt: skip

migrations = table(120, "migrations", MIGRATION)
isolated = table(121, "isolated", LIST)
movers = table(122, "movers", MOVER)
# Costs in ns, the era's ways 0 or 1; `lru_disabled`: callers for whose sake pages pass no per-CPU batch, which has
# `lru_batch_was` pages otherwise.
migration_settings = one(
    123, "migration_settings", row(
        migrate_page="i8", migrate_copy="i8", migrate_copy_remote="i8", tlb_shootdown="i8", tlb_ipi="i8",
        tlb_flush_page="i8", entries_keep_young="i8", waiters_refer="i8", lru_cache_disable="i8",
        light_waits_for_reads="i8", migrates_huge="i8", splits_partly_mapped="i8",
        pins_leave_cma="i8", pins_leave_movable="i8",
        lru_disabled="i8", lru_batch_was="i8",
    ),
)  # fmt: skip
# `by_reason`, `failed_by_reason`: pages, by number of the reason.
migration_count = one(
    124, "migration_count", row(
        **dict.fromkeys(COUNTERS, "i8"), by_reason=("i8", (len(REASONS),)), failed_by_reason=("i8", (len(REASONS),)),
    ),
)  # fmt: skip
