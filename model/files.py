"""Files that somebody else may have prepared: only regular ones are opened or replaced, and none beyond a limit.

A pipe waits for ever, a device never ends or does something when it is opened, a link leads elsewhere.
"""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

KINDS = (
    (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"), (stat.S_ISLNK, "a symbolic link"),
)  # fmt: skip


class NotRegular(OSError):
    """There is something else than a regular file; `strerror` says what."""


class TooLarge(OSError):
    """The file is larger than its reader believes in."""


def open_regular(path: str | Path) -> BufferedReader:
    """Open a regular file for reading. Raises OSError (NotRegular for pipes, devices, directories), never waits."""
    try:
        _regular(path, os.stat(path).st_mode)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:  # a zero byte, or half a surrogate pair
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from None
    file = os.fdopen(handle, "rb")
    try:
        _regular(path, os.fstat(handle).st_mode)  # it may have been exchanged
    except NotRegular:
        file.close()
        raise
    return file


def read_regular(path: str | Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit` bytes. Raises OSError."""
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(errno.EFBIG, f"larger than {limit:,} bytes", str(path))
    return data


def refuse_odd_target(path: str | Path) -> None:
    """Raise NotRegular where something that is no regular file would be replaced: a device, a pipe, a link."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except ValueError:
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from None
    _regular(path, mode)


def _regular(path: str | Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in KINDS if test(mode)), "no file")
        raise NotRegular(errno.EINVAL, f"it is {kind}, not a regular file", str(path))
