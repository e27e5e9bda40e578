"""Page-access traces: the project's own file format, recording, foreign formats, and what a trace looks like.

`open_trace` and `write_trace` are the two ends of the format (`format`, `reader`, `writer`); `record` and `importers`
make traces, `info` and `reuse` describe them.
"""

from model.trace.format import Header, TraceError
from model.trace.reader import Trace, open_trace, read_header
from model.trace.writer import TraceWriter, write_trace

__all__ = ["Header", "Trace", "TraceError", "TraceWriter", "open_trace", "read_header", "write_trace"]
