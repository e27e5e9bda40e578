"""What became of the ranges that khugepaged has scanned."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.khugepaged.settings import SCAN_RESULTS


def metrics(built: Built) -> dict[str, int]:
    """Ranges by result, those that occurred."""
    counts = built.memory.table("khugepaged_results").tolist()
    return {name: count for name, count in zip(SCAN_RESULTS, counts, strict=True) if count}
