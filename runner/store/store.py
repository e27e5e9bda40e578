"""The result directory of a sweep: manifest, one durable record per cell, and the lock that keeps sweeps apart.

    manifest.json       what was swept: resolved config, versions, seeds, trace hashes, model fingerprint
    cells/ab/ab….cell   a record per cell (`mmrun.runner.store.records`), named by the cell's key
    policies/<digest>/  outside policies as they ran, with all they import
    index.json          what the last sweep learned of the records
    made.json           what tables and report were made of
    lock                held by the sweep that writes here

A record counts once its bytes, its name and its directory are on disk. A torn one is reported and treated as missing.
"""

import errno
import fcntl
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from mmrun.model.files import NotRegular, open_regular, read_regular, refuse_odd_target
from mmrun.runner.store.manifest import DamagedManifest, read_manifest
from mmrun.runner.store.records import MOST_FILE, DamagedRecord, Record, decode
from mmrun.runner.terminal import one_line

SUFFIX = ".cell"
MOST_LOCK = 4_096  # bytes


class Busy(Exception):
    """Another living process sweeps into this directory."""


class Store:
    """Reads and writes one result directory. `warn` receives a sentence for every damaged record."""

    def __init__(self, out: Path, warn: Callable[[str], None] | None = None) -> None:
        self.out = out
        self.cells = out / "cells"
        self.manifest_path = out / "manifest.json"
        self.warn = lambda message: warn(one_line(message)) if warn else None

    def path(self, key: str) -> Path:
        """Where the record of `key` lies."""
        return self.cells / key[:2] / (key + SUFFIX)

    def put(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Make the encoded records durable, replacing older ones of the same keys; one directory sync per shard."""
        moves = []
        for key, data in records:
            path = self.path(key)
            own_directory(path.parent)
            moves.append((write_temporary(path, data), path))
        for made, path in moves:
            move(made, path)
        for directory in sorted({path.parent for _, path in moves}):
            sync_directory(directory)

    def get(self, key: str, *, series: bool = True) -> Record | None:
        """The record of `key`; None where there is none or it is damaged (with a warning)."""
        return self.read(self.path(key), series=series)

    def metrics(self, key: str) -> dict[str, Any] | None:
        """Metrics of a cell that ended well, else None."""
        record = self.get(key, series=False)
        return record.metrics if record is not None and record.status == "ok" else None

    def read(self, path: Path, *, series: bool) -> Record | None:
        """The record in a file, or None."""
        data = self.raw(path)
        return None if data is None else self.whole(path, data, series=series)

    def raw(self, path: Path) -> bytes | None:
        """The bytes of a file of ours, None where there is none or it cannot be read."""
        try:
            return read_regular(path, MOST_FILE)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.warn(f"{path}: damaged record, treated as missing: {error.strerror}")
            return None

    def whole(self, path: Path, data: bytes, *, series: bool) -> Record | None:
        """The record in a file's bytes, or None."""
        try:
            record = decode(data, series=series)
        except DamagedRecord as error:
            self.warn(f"{path}: damaged record, treated as missing: {error}")
            return None
        if record.key != path.name.removesuffix(SUFFIX):
            self.warn(f"{path}: holds the record of another cell ({record.key}), treated as missing")
            return None
        return record

    def look(self, path: Path) -> tuple[str, Record] | None:
        """The record in a file, without series, and a digest of the file; None where there is no whole one."""
        data = self.raw(path)
        record = None if data is None else self.whole(path, data, series=False)
        return None if data is None or record is None else (hashlib.sha256(data).hexdigest(), record)

    def paths(self) -> Iterator[Path]:
        """The files of all records, in the order of their keys."""
        try:
            shards = sorted(name for name in os.listdir(self.cells) if len(name) == 2)
        except OSError:
            return
        for shard in shards:
            names = os.listdir(self.cells / shard) if (self.cells / shard).is_dir() else []
            yield from (Path(f"{self.cells}/{shard}/{name}") for name in sorted(names)
                        if name.endswith(SUFFIX) and not name.startswith("."))  # fmt: skip

    def records(self) -> Iterator[Record]:
        """Every whole record, without series, in the order of their keys."""
        for path in self.paths():
            if (record := self.read(path, series=False)) is not None:
                yield record

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest, unless it is the same."""
        make_directory(self.out)
        write_changed(self.manifest_path, manifest_text(manifest).encode())

    def manifest(self) -> dict[str, Any] | None:
        """The manifest, or None where there is none or it is damaged (with a warning)."""
        try:
            return read_manifest(self.manifest_path, ("name", "cells", "fingerprint"))
        except FileNotFoundError:
            return None
        except (OSError, DamagedManifest) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self.warn(f"{self.manifest_path}: damaged manifest: {reason}")
            return None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for writing. Raises Busy while another process does; a dead one's lock is free."""
        make_directory(self.out)
        own_directory(self.cells)
        with open_lock(self.out / "lock") as file:
            if not lock(file):
                raise Busy(f"{self.out}: another sweep writes here ({holder(file)})")
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}) + "\n")
            file.flush()
            self.sweep_temporaries()
            yield
            file.truncate(0)

    def holder(self) -> str | None:
        """Who sweeps into this directory right now, or None."""
        try:
            refuse_odd_target(self.out / "lock")
            with open_regular(self.out / "lock") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return holder(file)
        except OSError:
            pass
        return None

    def sweep_temporaries(self) -> None:
        """Remove what writers that died left half written; call with the lock held."""
        for path in [*self.cells.glob("??/.*.tmp"), *self.out.glob(".*.tmp")]:
            if path.parent == self.out or not path.parent.is_symlink():
                with suppress(OSError):  # a directory of that name is not ours
                    path.unlink(missing_ok=True)


def open_lock(path: Path) -> Any:
    """The lock file, open for reading and writing. A link or a device of its name is not followed. Raises OSError."""
    refuse_odd_target(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    return os.fdopen(handle, "r+", encoding="utf-8")


def own_directory(path: Path) -> None:
    """Create a directory of a result directory. A link in its place is refused: what is written there stays there."""
    if path.is_symlink():
        raise NotRegular(errno.EINVAL, "a symbolic link within a directory of results: put a folder there", str(path))
    make_directory(path)


def lock(file: Any) -> bool:
    """Take the lock; tried for half a second, because who only looks at the lock holds it for a moment too."""
    for _ in range(5):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.1)
    return False


def holder(file: Any) -> str:
    """The words in a lock file: who holds it."""
    file.seek(0)
    try:
        owner = json.loads(file.read(MOST_LOCK))
        return one_line(f"process {owner['pid']} on {owner['host']}", 200)
    except (ValueError, KeyError, TypeError, RecursionError):
        return "an unnamed process"


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old contents or the new, durably."""
    move(write_temporary(path, data), path)
    sync_directory(path.parent)


def write_changed(path: Path, data: bytes) -> None:
    """The same, but a file that holds just this is left alone."""
    try:
        same = path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        same = False
    if not same:
        write_atomic(path, data)


def manifest_text(manifest: dict[str, Any]) -> str:
    """The manifest as JSON, a line for each cell and for each leaf of the rest."""
    encode = json.JSONEncoder(sort_keys=True).encode
    cells = ",\n  ".join(map(encode, manifest["cells"]))
    text = json.dumps({**manifest, "cells": []}, indent=1, sort_keys=True)
    return text.replace('\n "cells": []', f'\n "cells": [\n  {cells}\n ]' if cells else '\n "cells": []', 1) + "\n"


def write_temporary(path: Path, data: bytes) -> Path:
    """Write and sync the data under a temporary name beside `path`."""
    with temporary(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(file.name)


@contextmanager
def temporary(path: Path) -> Iterator[BinaryIO]:
    """A new file beside `path`; an OSError while it is written names `path`. It stays, to be renamed."""
    name = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        name.unlink(missing_ok=True)
        with open(name, "xb") as file:  # never through a link that waits there
            yield file
    except OSError as error:
        error.filename = str(path)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path`, or of a link there, once it is written. An OSError names `path`."""
    with temporary(path) as file:
        yield file
    move(Path(file.name), path)


def move(made: Path, path: Path) -> None:
    """Give a finished file its name; an OSError names `path`."""
    try:
        os.replace(made, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def make_directory(path: Path) -> None:
    """Create a directory, and make every name created on the way durable."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Flush a directory's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
