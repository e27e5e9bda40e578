"""Page-access traces: the project's own file format, recording, foreign formats, and what a trace looks like.

`open_trace` and `write_trace` are the two ends of the format (`format`, `header`, `reader`, `writer`); `record` and
`importers` make traces, `info` and `reuse` describe them. Reading a header imports no numpy, so the two ends are
imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmrun.model.trace.format import Header, TraceError
from mmrun.model.trace.header import read_header, verified_header

if TYPE_CHECKING:
    from mmrun.model.trace.reader import Trace, open_trace
    from mmrun.model.trace.writer import TraceWriter, write_trace

__all__ = [
    "Header", "Trace", "TraceError", "TraceWriter", "open_trace", "read_header", "verified_header", "write_trace",
]  # fmt: skip
HOMES = {"Trace": "reader", "open_trace": "reader", "TraceWriter": "writer", "write_trace": "writer"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"mmrun.model.trace.{HOMES[name]}"), name)
