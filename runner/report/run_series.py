"""What `mmrun run --series` writes: gauges as they stand at each sample, counters as rates since the one before."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from mmrun.model import catalogue
from mmrun.model.catalogue import POSITION
from mmrun.runner.metrics import PREFIX
from mmrun.runner.report.run_page import table
from mmrun.runner.store.store import replacing

FORMATS = (".csv", ".parquet")
PER_S = "_per_s"
LIKE_VMSTAT = (
    "nr_free_pages", "nr_dirty", "nr_writeback", "nr_swap_used", "accesses_per_s", "pgmajfault_per_s", "pswpin_per_s",
    "pswpout_per_s", "pgpgin_per_s", "pgscan_kswapd_per_s", "pgscan_direct_per_s", "pgsteal_kswapd_per_s",
    "pgsteal_direct_per_s",
)  # fmt: skip
"""What a table on the terminal has unless told otherwise."""
Columns = Mapping[str, np.ndarray]


def rates(series: Columns) -> dict[str, np.ndarray]:
    """The series with `<counter>_per_s` of simulated time in place of each counter, 0 before the first sample."""
    gauges, found = catalogue.gauges(), dict[str, np.ndarray]()
    seconds = np.diff(series["time_ns"], prepend=0) / 1e9 if series else np.empty(0)
    for name, column in series.items():
        scoped = PREFIX.fullmatch(name)
        if name in POSITION or (scoped[2] if scoped else name.rpartition(".")[2]) in gauges:
            found[name] = column
        else:
            risen = np.diff(column, prepend=0)
            found[name + PER_S] = np.divide(risen, seconds, out=np.zeros(len(risen)), where=seconds > 0)
    return found


def chosen(columns: Columns, patterns: Sequence[str]) -> dict[str, np.ndarray]:
    """Those that match one of the patterns, after where they stand. ValueError for a pattern that none matches."""
    names = dict.fromkeys(POSITION)
    for pattern in patterns:
        found = [name for name in columns if fnmatchcase(name, pattern) or name == pattern + PER_S]
        if not found:
            raise ValueError(f"no column of the series is `{pattern}`")
        names |= dict.fromkeys(found)
    return {name: columns[name] for name in names}


def write(columns: Columns, path: Path) -> None:
    """The columns as CSV or Parquet, by the file's ending; a row a sample."""
    with replacing(path) as file:
        if path.suffix == ".parquet":
            import pyarrow
            import pyarrow.parquet as parquet

            parquet.write_table(pyarrow.table({name: pyarrow.array(column) for name, column in columns.items()}), file)
            return
        import io

        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
        text.detach()


def lines(columns: Columns) -> list[str]:
    """The columns as a table for the terminal."""
    shown = [name for name in columns if name != "time_ns"]
    rows = [["ms", *(name.removesuffix(PER_S) + "/s" * name.endswith(PER_S) for name in shown)]]
    rows += [
        [f"{time / 1e6:,.3f}", *(_text(columns[name][place]) for name in shown)]
        for place, time in enumerate(columns["time_ns"].tolist())
    ]
    return table(rows)


def like_vmstat(columns: Iterable[str]) -> list[str]:
    """What the table has unless told otherwise, as far as it is told."""
    told = set(columns)
    return [name for name in LIKE_VMSTAT if name in told]


def _text(value: Any) -> str:
    number = value.item()
    return f"{number:,}" if isinstance(number, int) else f"{number:,.0f}"
