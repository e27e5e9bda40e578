"""The report of a sweep, left alone where it would come out as it is."""

import json
from pathlib import Path
from typing import Any

from mmrun.runner.report.report import manifest_part, write_report
from mmrun.runner.store.made import Made


def renewed(out: Path, plan: Any) -> list[Path]:
    """Write the report of `plan` from the results in `out`, unless it is there; returns its files."""
    made = Made(out)
    tables = made.notes.get("tables")
    of = json.dumps([plan.name, manifest_part(plan), tables], sort_keys=True)
    files = made.fresh("report", of)
    if files is None:
        files = write_report(out, plan)
        made.note("report", of, files)
    return files
