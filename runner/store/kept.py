"""What a command remembers of a record."""

from typing import Any, NamedTuple


class Kept(NamedTuple):
    """A record without its metrics, series and cell."""

    key: str
    status: str
    error: str
    fingerprint: str
    model: str
    place: str
    """Labels and replicate, by which an older configuration of the same cell is found."""
    finished: float
    cpu_seconds: float
    digest: str
    """Of the record's file."""
    sampled: tuple[tuple[str, str], ...]
    """Name and type of each column of its series."""
    row: tuple[int, int] | None
    """Of its metrics on the shelf, group and place in it; None while they have not been read."""


def place(axes: dict[str, Any], replicate: int) -> str:
    """What identifies a cell within a sweep, whatever its configuration."""
    return repr((*sorted((name, str(value)) for name, value in axes.items()), replicate))
