"""What is told of journals."""

from mmrun.model.fs.jbd2.settings import JOURNAL_COUNTERS
from mmrun.model.fs.jbd2.state import journals
from mmrun.model.machine.built import Built


def metrics(built: Built) -> dict[str, int]:
    """`disk.<name>.<metric>` of each disk, nothing where it has no journal, and the sum of them all."""
    rows = journals(built.memory.m)
    if not len(rows):
        return {}
    found = {f"disk.{name}.{metric}": 0 for name in built.disks for metric in JOURNAL_COUNTERS}
    for row in rows:
        found |= {f"disk.{built.disks[int(row.disk)]}.{metric}": int(row[metric]) for metric in JOURNAL_COUNTERS}
    return found | {metric: int(rows[metric].sum()) for metric in JOURNAL_COUNTERS}
