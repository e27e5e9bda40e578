"""Where the library's files are, who may write them, and when old ones go."""

import fcntl
import os
import pickle
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmrun.model.core.cache import directory

KEPT_SECONDS = 86_400  # what nobody has used for a day goes


def objects() -> Path:
    """The directory of finished libraries and of what they are made from."""
    return directory() / "library"


def read(path: Path) -> Any:
    """What `write` left there, None where there is nothing whole."""
    try:
        found = pickle.loads(zlib.decompress(path.read_bytes()))
    except (OSError, zlib.error, pickle.UnpicklingError, AttributeError, ImportError):
        return None
    with suppress(OSError):  # a cache that others own
        if path.parent == objects() and time.time() - path.stat().st_mtime > KEPT_SECONDS / 24:
            path.touch()
    return found


def write(path: Path, what: Any) -> None:
    """Put it there in one step: readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(zlib.compress(pickle.dumps(what, protocol=5), 6))
            os.fchmod(file.fileno(), 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
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
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            say(f"waiting for {lock.read().strip() or 'another process'}, which compiles the same kernels in {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        lock.truncate()
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield
