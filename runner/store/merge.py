"""All records of a plan as two tables: `runs.parquet`, a row per cell, and `series.parquet`, a row per sample.

Rows stand in the plan's order, columns as: axes, `replicate`, `random` (whether anything in the cell draws random
numbers), `status`, `error`, `stale`, then metrics by name. Nothing of when or where a cell ran is in them, so equal
results make equal files. What is not of the present model, policies and configuration is of status `stale` and has no
numbers: a table never mixes two experiments. The schema's metadata (key `mmrun`) says in JSON which columns are axes
and which are metrics.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmrun.runner.store.columns import uniform
from mmrun.runner.store.made import Made
from mmrun.runner.store.shelf import Shelf
from mmrun.runner.store.states import State
from mmrun.runner.store.store import replacing, sync_directory

FIXED = ("replicate", "random", "status", "error", "stale")
STATUS = {"done": "ok", "failed": "failed", "stale": "stale", "new": "missing"}
COMPRESSION = {"compression": "zstd", "compression_level": 6}
ROW_GROUP = 1 << 18


def merge(plan: Any, shelf: Shelf, states: dict[str, State]) -> list[Path]:
    """Write both tables, unless they are there as they would be written; returns their paths."""
    out, of = shelf.store.out, ingredients(plan, shelf, states)
    made = Made(out)
    if made.fresh("tables", of) is None:
        write_table(out / "runs.parquet", [runs_table(plan, shelf, states)])
        write_table(out / "series.parquet", series_tables(plan, shelf, states))
        made.note("tables", of, [out / "runs.parquet", out / "series.parquet"])
    return [out / "runs.parquet", out / "series.parquet"]


def ingredients(plan: Any, shelf: Shelf, states: dict[str, State]) -> str:
    """Digest of all that the tables are made of."""
    digest = hashlib.sha256()
    for cell in plan.cells:
        state = states[cell.key]
        record = shelf.kept[cell.key].digest if state.state == "done" else ""
        digest.update(repr((cell.key, cell.axes, cell.replicate, state, record)).encode())
    return digest.hexdigest()


def runs_table(plan: Any, shelf: Shelf, states: dict[str, State]) -> Any:
    """The table of cells."""
    import pyarrow as pa

    found = [states[cell.key] for cell in plan.cells]
    fixed = axis_columns(plan.cells) | {
        "replicate": [cell.replicate for cell in plan.cells],
        "random": [cell.random for cell in plan.cells],
        "status": [STATUS[state.state] for state in found],
        "error": [state.reason if state.state == "failed" else "" for state in found],
        "stale": [state.reason if state.state == "stale" else "" for state in found],
    }
    axes = list(fixed)[: -len(FIXED)]
    columns = {name: pa.array(uniform(column)) for name, column in fixed.items()}
    kept = shelf.table(cell.key if states[cell.key].state == "done" else None for cell in plan.cells)
    metrics = [name for name in kept if name not in fixed]
    roles = {"axes": axes, "metrics": metrics}
    table = pa.table(columns | {name: kept[name] for name in metrics})
    return table.replace_schema_metadata({"mmrun": json.dumps(roles)})


def series_tables(plan: Any, shelf: Shelf, states: dict[str, State]) -> Iterator[Any]:
    """One table per cell that has a series, all of one schema; a single empty one when none has."""
    import pyarrow as pa

    axes = {name: pa.array(uniform(column)) for name, column in axis_columns(plan.cells).items()}
    sampled = [
        (row, cell)
        for row, cell in enumerate(plan.cells)
        if states[cell.key].state == "done" and shelf.kept[cell.key].sampled
    ]
    schema = series_schema((shelf.kept[cell.key].sampled for _, cell in sampled), axes)
    yield schema.empty_table()
    for row, cell in sampled:
        record = shelf.store.get(cell.key)
        if record is None:
            continue
        length = len(next(iter(record.series.values())))
        columns: dict[str, Any] = {name: pa.repeat(column[row], length) for name, column in axes.items()}
        columns["replicate"] = pa.repeat(pa.scalar(cell.replicate, pa.int64()), length)
        for field in schema:
            if field.name in record.series:
                columns[field.name] = pa.array(record.series[field.name]).cast(field.type)
            elif field.name not in columns:
                columns[field.name] = pa.nulls(length, field.type)
        yield pa.table([columns[field.name] for field in schema], schema=schema)


def series_schema(sampled: Iterable[tuple[tuple[str, str], ...]], axes: dict[str, Any]) -> Any:
    """Axes, `replicate`, `access`, `time_ns`, then every other series column by name; the widest type met."""
    import numpy as np
    import pyarrow as pa

    types: dict[str, Any] = {}
    for name, dtype in sorted({column for columns in set(sampled) for column in columns}):
        met = pa.from_numpy_dtype(np.dtype(dtype))
        types[name] = met if types.get(name, met) == met else pa.float64()
    first = [name for name in ("access", "time_ns") if name in types]
    names = first + sorted(types.keys() - set(first))
    roles = {"axes": list(axes), "metrics": names}
    fields = [(name, column.type) for name, column in axes.items()]
    fields += [("replicate", pa.int64()), *((name, types[name]) for name in names if name not in axes)]
    return pa.schema(fields, metadata={"mmrun": json.dumps(roles)})


def axis_columns(cells: Iterable[Any]) -> dict[str, list[Any]]:
    """Axis name -> label of every cell, None where a cell is not on that axis."""
    cells = tuple(cells)
    names = dict.fromkeys(name for cell in cells for name in cell.axes)
    return {name: [cell.axes.get(name) for cell in cells] for name in names}


def write_table(path: Path, tables: Iterable[Any]) -> None:
    """Write tables of one schema as one Parquet file, atomically and durably."""
    import pyarrow.parquet as pq

    tables = iter(tables)
    first = next(tables)
    with replacing(path) as file:
        with pq.ParquetWriter(file, first.schema, **COMPRESSION) as writer:
            for table in [first, *tables] if first.num_rows else gathered(tables, first):
                writer.write_table(table, row_group_size=ROW_GROUP)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)


def gathered(tables: Iterable[Any], empty: Any) -> Iterator[Any]:
    """Small tables joined to pieces of about a row group, so that the file is not made of crumbs."""
    import pyarrow as pa

    held: list[Any] = []
    for table in tables:
        held.append(table)
        if sum(piece.num_rows for piece in held) >= ROW_GROUP:
            yield pa.concat_tables(held)
            held = []
    yield pa.concat_tables([empty, *held]).combine_chunks()
