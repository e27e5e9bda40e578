"""Page migration: what can be set and read."""

from mmrun.model.core.mechanism import CORE, NO_FRAME, Axis, Cause, Subject, Told, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (Axis("migration", 20, "how a list of pages is migrated: page by page, or unmapped and flushed in batches"),)

COUNT_BITS = PAGE_BITS = 28  # of a request's argument
HOOKS = {
    **hooks(
        CORE,
        49,
        ("alloc_migration_target", "node order reason", "a frame to migrate to, or NONE", NO_FRAME),
        ("compaction_alloc", "cc order", "a free frame that compaction has isolated, or NONE", NO_FRAME),
        ("compaction_free", "cc frame", "it was not used: compaction has it again; 0"),
        optional=True,
    ),
    **hooks(
        CORE,
        190,
        ("split_isolated", "frame", "1: the isolated folio is split, its tails are in the actor's own scan control"),
        ("leave_deferred", "frame", "0, after the folio no longer waits to be split"),
        optional=True,
    ),
    **hooks(
        CORE,
        192,
        ("migration_range", "task argument", "OK: pages and whose, of which the task's next calls are"),
        ("move_pages", "task argument", "OK; what it returned and the statuses are in its row of movers"),
        ("migrate_task", "task argument", "OK: the task's migrate_pages(2) is done"),
        ("mbind_policy", "task argument", "OK: nodes and mode of the task's next mbind"),
        ("mbind", "task argument", "OK; what it returned is in its row of movers"),
    ),
    **hooks(
        "migration",
        52,
        ("migrate_list", "migration pages", "folios of the list that could not be moved, or -ENOMEM"),
    ),
}

MIGRATION_COUNTERS = counters("""
pgmigrate_success | none | pages migrated
pgmigrate_fail | lower | pages that could not be migrated, once a call
thp_migration_success | none | huge pages migrated whole | huge pages
thp_migration_fail | lower | huge pages that could not be migrated | huge pages
thp_migration_split | lower | huge pages split because none could be had to migrate them to | huge pages
migrate_waits | lower | faults that met a page on its way and waited | faults
migrate_flushes | lower | TLB flushes of migration, of a page or a batch | flushes
migrate_ipis | lower | other CPUs that those flushes interrupted | interrupts
""")
REASONS = ("compaction", "memory_failure", "memory_hotplug", "syscall", "mempolicy_mbind", "numa_misplaced",
           "contig_range", "longterm_pin", "demotion", "damon")  # fmt: skip
BY_REASON = counters("\n".join(
    f"migrated_{reason} | none | pages migrated, the reason being {reason}\n"
    f"migrate_failed_{reason} | lower | pages that could not be migrated, the reason being {reason}"
    for reason in REASONS
))  # fmt: skip
COUNTERS = MIGRATION_COUNTERS  # of the machine
TOLD = (Told("machine", BY_REASON, counted=True),)


@record
class Costs(Record):
    """CPU time of its steps."""

    migrate_page: Nanoseconds = 1_000
    """Isolating, unmapping, moving and mapping a page, without copy and flush; 1.8 us with them (estimate)."""
    migrate_copy: Nanoseconds = 400
    """Copying 4 KiB within a node (estimate: 150 cached, 400 from memory)."""
    migrate_copy_remote: Nanoseconds = 700
    """Copying 4 KiB from one node to another (estimate)."""
    tlb_ipi: Nanoseconds = 200
    """What each CPU to be interrupted adds to a TLB flush beyond `tlb_shootdown`: 1 us + 0.2 us a CPU."""
    tlb_flush_page: Nanoseconds = 100
    """Flushing a page from the own CPU's TLB only (estimate)."""


CAUSES = (
    Cause(
        ("stall_migration_ns", "pgmigrate_success"),
        ("pgmigrate_success", "pgmigrate_fail", "migrate_waits", "migrate_flushes", "migrate_ipis"),
        ("migrate:*",),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "migration",
        "Pages move to other frames for system calls (streams of kind `mover`: move_pages, migrate_pages), compaction, "
        "demotion, NUMA balancing and pins for long; whoever touches one meanwhile waits. docs/migration.md has the "
        "steps.",
        ("migration", "pgmigrate_success", "pgmigrate_fail", "stall_migration_ns", "migrate_page"),
        ("page migration", "migrate_pages", "move_pages", "mbind", "migratepages"),
    ),
)
