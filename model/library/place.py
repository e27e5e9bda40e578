"""Where the library's files are, who may write them, and when old ones go."""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmrun.model.core import kept
from mmrun.model.core.cache import directory

KEPT_SECONDS = 86_400  # what nobody has used for a day goes


def objects() -> Path:
    """The directory of finished libraries and of what they are made from."""
    return directory() / "library"


def refuse_strangers() -> None:
    """Raise Unusable where others can put files into the cache."""
    kept.trusted(directory())
    kept.trusted(objects())


def read(path: Path) -> Any:
    """What `write` left there, None where there is nothing whole; Unusable where others can write the cache."""
    ours = path.parent == objects()
    if ours:
        refuse_strangers()
    found = kept.read(path, installed=not ours)
    if ours and found is not None:
        with suppress(OSError):  # a cache that others own
            if time.time() - path.stat().st_mtime > KEPT_SECONDS / 24:
                path.touch()
    return found


def write(path: Path, what: Any) -> None:
    """Put it there in one step: readers see all of it or nothing. Unusable where that cannot be done."""
    if path.parent == objects():
        refuse_strangers()
    kept.write(path, what)
    forget()


def forget() -> None:
    """Remove what has not been used for a day."""
    oldest = time.time() - KEPT_SECONDS
    for path in objects().rglob("*"):
        with suppress(OSError):  # somebody else was faster
            if path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()


def on_stderr(text: str) -> None:
    """Tell whoever runs this process."""
    print(f"mmrun: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(name: str, say: Callable[[str], None] = on_stderr) -> Iterator[None]:
    """Be the only process at `name`. `say` is told when another one has to be waited for."""
    folder = objects()
    refuse_strangers()
    kept.make(folder)
    path = folder / f"{name}.lock"
    try:
        path.touch()
    except OSError as error:
        raise kept.unusable(folder, error) from error
    with open(path, "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"waiting for {lock.read().strip() or 'another process'}, which compiles the same kernels in {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        lock.truncate()
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield
