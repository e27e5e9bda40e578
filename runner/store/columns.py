"""Values of a column brought to one type."""

from collections.abc import Sequence
from typing import Any


def packed(column: Sequence[Any]) -> Any:
    """The values as Arrow's, in one type."""
    import pyarrow as pa

    kinds = set(map(type, column))
    plain = len(kinds) == 1 and (kinds != {int} or -(2**63) <= min(column) <= max(column) < 2**63)
    return pa.array(column if plain else uniform(list(column)))


def joined(pieces: list[Any]) -> Any:
    """Columns one below the other, in one type: as it is, else floats where all are numbers, else text."""
    import pyarrow as pa

    types = {piece.type for piece in pieces if not pa.types.is_null(piece.type)}
    if len(types) > 1 and pa.string() in types:
        texts = [[None if value is None else str(value) for value in piece.to_pylist()] for piece in pieces]
        return pa.chunked_array([pa.array(column, pa.string()) for column in texts])
    kind = pa.float64() if len(types) > 1 else next(iter(types), pa.null())
    chunks = [part for piece in pieces for part in (piece.chunks if isinstance(piece, pa.ChunkedArray) else [piece])]
    return pa.chunked_array([part.cast(kind, safe=False) for part in chunks], kind)


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
