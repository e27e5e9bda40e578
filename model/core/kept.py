"""Files of compiled code: whole and in safe hands, or not there.

They are pickles and machine code, so whoever can write them runs code as whoever reads them. A directory that others
can write is refused. A file that is cut, that was written under another name, or that others own counts as absent and
is made anew.
"""

import hashlib
import os
import pickle
import stat
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

MARK = b"mmrun kernels 1\n"
OTHERS = stat.S_IWGRP | stat.S_IWOTH
REMEDY = "set NUMBA_CACHE_DIR (or XDG_CACHE_HOME) to a directory that only you can write"


class Unusable(OSError):
    """The cache of compiled kernels cannot be used: where it is, why, and what to do."""


def trusted(folder: Path) -> None:
    """Raise Unusable where others can put files into the directory; one that does not exist yet is fine."""
    try:
        found = os.stat(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unusable(folder, error) from error
    if not stat.S_ISDIR(found.st_mode):
        raise Unusable(f"the kernel cache {folder} is no directory: {REMEDY}")
    if not _in_safe_hands(found):
        whose = f"chmod go-w {folder}" if _owned(found) else f"it belongs to user {found.st_uid}"
        raise Unusable(
            f"others can write the kernel cache {folder}, and what lies there is executed: {whose}, or {REMEDY}"
        )


def unusable(folder: Path, error: OSError) -> Unusable:
    """The error, in words about the cache."""
    return Unusable(
        f"kernels have to be compiled, and the kernel cache {folder} cannot be written ({error.strerror}): "
        f"make room for it there, or {REMEDY}"
    )


def _owned(found: os.stat_result) -> bool:
    return found.st_uid in (os.geteuid(), 0)


def _in_safe_hands(found: os.stat_result) -> bool:
    return _owned(found) and not found.st_mode & OTHERS


def make(folder: Path) -> None:
    """Make the directory and those above it, for this user alone to write; Unusable where it cannot be."""
    try:
        for one in reversed([folder, *folder.parents]):
            if not one.exists():
                with suppress(FileExistsError):  # somebody else was faster
                    one.mkdir(mode=0o755)
    except OSError as error:
        raise unusable(folder, error) from error


def read(path: Path, *, installed: bool = False) -> Any:
    """What `write` left there, None where there is nothing whole. `installed`: it came with the package's own files."""
    try:
        with open(path, "rb") as file:
            if not installed and not _in_safe_hands(os.fstat(file.fileno())):
                return None
            text = file.read()
    except OSError:
        return None
    head, packed = text[: len(_head(path, b""))], text[len(_head(path, b"")) :]
    if head != _head(path, packed):
        return None
    try:
        return pickle.loads(zlib.decompress(packed))
    except Exception:  # whole, and made of classes that are not here
        return None


def write(path: Path, what: Any) -> None:
    """Put it there in one step: readers see all of it or nothing. Unusable where that cannot be done."""
    make(path.parent)
    packed = zlib.compress(pickle.dumps(what, protocol=5), 6)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_head(path, packed) + packed)
                os.fchmod(file.fileno(), 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise unusable(path.parent, error) from error


def _head(path: Path, packed: bytes) -> bytes:
    """What the file begins with: it tells damage, and contents that belong under another name."""
    return MARK + hashlib.sha256(path.name.encode() + b"\0" + packed).digest()
