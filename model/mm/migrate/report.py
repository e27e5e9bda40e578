"""What is told of migration beside its counters: pages by reason."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.migrate.settings import REASONS
from mmrun.model.mm.migrate.state import migration_count


def metrics(built: Built) -> dict[str, int]:
    """Pages migrated and not, of the reasons for which any were tried."""
    count, found = migration_count(built.memory.m), dict[str, int]()
    for number, reason in enumerate(REASONS):
        moved, failed = int(count.by_reason[number]), int(count.failed_by_reason[number])
        if moved or failed:
            found |= {f"migrated_{reason}": moved, f"migrate_failed_{reason}": failed}
    return found
