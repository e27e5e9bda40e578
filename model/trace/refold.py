"""Folding a trace that is there already, as a recording with a wider window would have been folded."""

from collections.abc import Callable
from pathlib import Path

from mmrun.model.trace.fold import Folder
from mmrun.model.trace.format import Header
from mmrun.model.trace.reader import Trace
from mmrun.model.trace.writer import LEVEL, TraceWriter


def refold(
    trace: Trace, out: str | Path, window: int, *, level: int = LEVEL, raw: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Header:  # fmt: skip
    """Write `trace` folded with `window` to `out`, pages numbered as they are; bounded memory.

    Raises ValueError for a trace of several tasks, whose accesses cannot be told to fold into each other, TraceError.
    """
    if trace.tasks > 1:
        raise ValueError(f"{trace.path} is of {trace.tasks} tasks: only the trace of a single one can be folded")
    made = {"by": "mmrun trace fold", "fold": window, "of": trace.meta, "digest": trace.digest}
    folder = Folder(window)
    with TraceWriter(out, made, level=level, raw=raw) as writer:
        for page, write, _ in trace.blocks():
            writer.append(*folder.fold(page.astype("i8"), write))
            progress(writer.accesses)
        writer.append(*folder.finish())
        return writer.close(trace.npages)
