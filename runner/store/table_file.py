"""Reads the Parquet files of a result directory. Somebody else may have written them: what is needed is checked."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mmrun.model.files import open_regular
from mmrun.runner.terminal import one_line

MOST_VALUES = 1 << 29  # rows times columns: a million cells of five hundred metrics


def read_table(path: Path, wanted: Collection[str] | None = None) -> tuple[Any, list[str]]:
    """The table in a file (its axes and the `wanted` columns, or all), and the names of its axes.

    Raises FileNotFoundError, OSError for what is no regular file, ValueError for a file that `merge` never writes.
    """
    import pyarrow
    import pyarrow.parquet as parquet

    with open_regular(path) as file:
        try:
            source = parquet.ParquetFile(file)
            axes = _axes(source.schema_arrow)
            names = source.schema_arrow.names
            if wanted is not None:
                names = [name for name in names if name in {*axes, "replicate", *wanted}]
            if source.metadata.num_rows * max(1, len(names)) > MOST_VALUES:
                raise ValueError(f"{source.metadata.num_rows:,} rows are more than are read")
            table = source.read(columns=names)
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise ValueError(f"{path}: no results of a sweep: {one_line(str(error), 300)}") from None
    return table, axes


def _axes(schema: Any) -> list[str]:
    """The axes that the metadata names. ValueError where it is not that of a sweep, or they are not there."""
    import pyarrow

    try:
        found = json.loads((schema.metadata or {}).get(b"mmrun", b"null"))
    except (ValueError, RecursionError):
        found = None
    axes = found.get("axes") if isinstance(found, dict) else None
    if not isinstance(axes, list) or not all(isinstance(name, str) for name in axes):
        raise ValueError("its schema names no axes")
    fields = {field.name: field.type for field in schema}
    absent = {*axes, "replicate"} - fields.keys()
    if fields and (absent or not pyarrow.types.is_integer(fields["replicate"])):
        raise ValueError(f"it has no column {', '.join(sorted(absent)) or 'replicate of whole numbers'}")
    return axes
