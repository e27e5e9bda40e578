"""Which way `mmrun trace record` records, and what it says when that is done."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmrun.model.trace.record import Recording


class Tool(StrEnum):
    """Tools of valgrind."""

    PAGES = "pages"
    LACKEY = "lackey"


def recorder(tool: Tool | None, say: Callable[[str], None]) -> "Callable[..., Recording]":
    """The function that records; without a choice, by `pages` if it can be made here, and `say` is told if not.

    Raises NoValgrind where neither is there, or where `pages` was asked for and cannot be made.
    """
    from mmrun.model.trace.record import NoValgrind, record, valgrind
    from mmrun.model.trace.recorder.build import NoTool, kit
    from mmrun.model.trace.recorder.build import tool as made
    from mmrun.model.trace.recorder.pages import record_pages

    valgrind()
    if tool is Tool.LACKEY:
        return record
    try:
        made(kit())
    except NoTool as error:
        if tool is Tool.PAGES:
            raise NoValgrind(
                f"the recorder `pages` cannot be made here: {error}; --with lackey records slowly"
            ) from error
        say(f"recording with lackey, slowly and without children, as `pages` cannot be made: {error}")
        return record
    return record_pages


def told_of(program: str, out: Path, done: "Recording") -> Iterator[str]:
    """What a recording came to, in sentences."""
    ended = {"limit": "stopped at the limit", "interrupt": "interrupted, what was recorded is kept"}.get(done.stopped)
    ended = ended or (f"stopped, {done.stopped}" if done.stopped else f"exit status {done.exit_status}")
    folded = f", folded from {done.memory_accesses:,}" if done.memory_accesses else ""
    yield (
        f"{out}: {done.accesses:,} accesses ({done.writes:,} writes) of {done.npages:,} pages{folded}; "
        f"{program}: {ended}; {done.seconds:.1f} s"
    )
    if len(done.recorded) > 1:
        yield f"recorded were {_counted(done.recorded)}"
    if done.unrecorded:
        names = _counted(done.unrecorded)
        yield f"warning: {program} started programs that were not recorded: {names}; record such a command by itself"


def _counted(names: Iterable[str]) -> str:
    return ", ".join(name if n == 1 else f"{name} ({n})" for name, n in Counter(names).items())
