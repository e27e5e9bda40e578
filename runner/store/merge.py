"""All records of a plan as two tables: `runs.parquet`, a row per cell, and `series.parquet`, a row per sample.

Rows stand in the plan's order, columns as: axes, `replicate`, `random` (whether anything in the cell draws random
numbers), `status`, `error`, `stale`, then metrics by name. Nothing of when or where a cell ran is in them, so equal
results make equal files. The schema's metadata (key `mmrun`) says in JSON which columns are axes and which are metrics.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mmrun.runner.store.records import Record
from mmrun.runner.store.states import State
from mmrun.runner.store.store import Store, sync_directory

FIXED = ("replicate", "random", "status", "error", "stale")
COMPRESSION = {"compression": "zstd", "compression_level": 6}
ROW_GROUP = 1 << 18


def merge(plan: Any, store: Store, states: dict[str, State]) -> list[Path]:
    """Write both tables; returns their paths. A stale cell keeps its old results, with the reason in `stale`."""
    runs, series = store.out / "runs.parquet", store.out / "series.parquet"
    write_table(runs, [runs_table(plan, store, states)])
    write_table(series, series_tables(plan, store, states))
    return [runs, series]


def runs_table(plan: Any, store: Store, states: dict[str, State]) -> Any:
    """The table of cells."""
    import pyarrow as pa

    records = [stored(cell, store, states, series=False) for cell in plan.cells]
    fixed = axis_columns(plan.cells) | {
        "replicate": [cell.replicate for cell in plan.cells],
        "random": [cell.random for cell in plan.cells],
        "status": [record.status if record else "missing" for record in records],
        "error": [record.error if record else "" for record in records],
        "stale": [stale_reason(states[cell.key]) for cell in plan.cells],
    }
    axes = list(fixed)[: -len(FIXED)]
    metrics = {
        name: [record.metrics.get(name) if record else None for record in records]
        for name in sorted({name for record in records if record for name in record.metrics})
        if name not in fixed
    }
    table = pa.table({name: pa.array(uniform(column)) for name, column in (fixed | metrics).items()})
    roles = {"axes": axes, "metrics": list(metrics)}
    return table.replace_schema_metadata({"mmrun": json.dumps(roles)})


def series_tables(plan: Any, store: Store, states: dict[str, State]) -> Iterator[Any]:
    """One table per cell that has a series, all of one schema; a single empty one when none has."""
    import pyarrow as pa

    axes = {name: pa.array(uniform(column)) for name, column in axis_columns(plan.cells).items()}
    schema = series_schema(plan, store, states, {name: column.type for name, column in axes.items()})
    yield schema.empty_table()
    for row, cell in enumerate(plan.cells):
        record = stored(cell, store, states, series=True)
        if record is None or not record.series:
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


def series_schema(plan: Any, store: Store, states: dict[str, State], axes: dict[str, Any]) -> Any:
    """Axes, `replicate`, `access`, `time_ns`, then every other series column by name; the widest type met."""
    import pyarrow as pa

    types: dict[str, Any] = {}
    for cell in plan.cells:
        record = stored(cell, store, states, series=True)
        for name, column in (record.series if record else {}).items():
            met = pa.from_numpy_dtype(column.dtype)
            types[name] = met if types.get(name, met) == met else pa.float64()
    first = [name for name in ("access", "time_ns") if name in types]
    names = first + sorted(types.keys() - set(first))
    roles = {"axes": list(axes), "metrics": names}
    fields = [*axes.items(), ("replicate", pa.int64()), *((name, types[name]) for name in names if name not in axes)]
    return pa.schema(fields, metadata={"mmrun": json.dumps(roles)})


def stored(cell: Any, store: Store, states: dict[str, State], *, series: bool) -> Record | None:
    """The record a cell's row is made of."""
    key = states[cell.key].record
    return None if key is None else store.get(key, series=series)


def stale_reason(state: State) -> str:
    """Why a row is not of the present model and config; '' where it is."""
    return state.reason if state.state == "stale" else ""


def axis_columns(cells: Iterable[Any]) -> dict[str, list[Any]]:
    """Axis name -> label of every cell, None where a cell is not on that axis."""
    cells = tuple(cells)
    names = dict.fromkeys(name for cell in cells for name in cell.axes)
    return {name: [cell.axes.get(name) for cell in cells] for name in names}


def uniform(column: list[Any]) -> list[Any]:
    """The values in one type: as they are, else all floats where all are numbers, else all text."""
    kinds = {type(value) for value in column if value is not None}
    if kinds <= {int, float} and (len(kinds) > 1 or any(kind is int and wide(column) for kind in kinds)):
        return [None if value is None else float(value) for value in column]
    if len(kinds) > 1:
        return [None if value is None else str(value) for value in column]
    return column


def wide(column: list[Any]) -> bool:
    """Whether a value does not fit 64 bits."""
    return any(value is not None and not -(2**63) <= value < 2**63 for value in column)


def write_table(path: Path, tables: Iterable[Any]) -> None:
    """Write tables of one schema as one Parquet file, atomically and durably."""
    import pyarrow.parquet as pq

    tables = iter(tables)
    first = next(tables)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with pq.ParquetWriter(temporary, first.schema, **COMPRESSION) as writer:
        for table in [first, *tables] if first.num_rows else gathered(tables, first):
            writer.write_table(table, row_group_size=ROW_GROUP)
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
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
