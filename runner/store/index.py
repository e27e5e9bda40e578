"""What the last sweep learned of the records (`index.json`), so that the next command reads only what has changed.

An entry counts while the file has the same inode, size, and times of its last change of contents and of anything
(ctime, which nobody can set): else, and where the index is torn or absent, the record is read. In a copy of the
directory no inode agrees, so the index that came with it does no harm. Entries of files that changed just before they
were looked at are not kept, as another change in the same tick of the clock could not be told.
"""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from mmrun.model.files import read_regular
from mmrun.runner.store.kept import Kept
from mmrun.runner.store.store import write_changed

Stamp = tuple[int, int, int, int]
TICK = 2_000_000_000  # ns; coarser than the clock of any file system
MOST = 1 << 30  # bytes; a hundred thousand records take some thirty million
SHARED = ("error", "fingerprint", "model", "sampled")  # what many records have alike is written once


def stamp(path: Path) -> Stamp:
    """What changes when a file does. OSError where there is none."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def load(out: Path) -> dict[str, tuple[Stamp, Kept]]:
    """The entries by key, none where there is no whole index."""
    try:
        digest, _, text = read_regular(out / "index.json", MOST).partition(b"\n")
        if digest != hashlib.sha256(text).hexdigest().encode():
            return {}
        shared, entries = json.loads(text)
        shared = [tuple(map(tuple, value)) if isinstance(value, list) else value for value in shared]
        return {fields[0]: (tuple(at), _kept(fields, shared)) for at, fields in entries}
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError):
        return {}


def _kept(fields: list[Any], shared: list[Any]) -> Kept:
    key, status, error, fingerprint, model, place, finished, seconds, digest, sampled = fields
    return Kept(
        key, status, shared[error], shared[fingerprint], shared[model], place, finished, seconds, digest,
        shared[sampled], None,
    )  # fmt: skip


def save(out: Path, kept: dict[str, Kept], stamps: dict[str, Stamp]) -> None:
    """Keep what is known of these files."""
    numbers: dict[Any, int] = {}
    newest = time.time_ns() - TICK
    entries = []
    for key, found in sorted(kept.items()):
        if key in stamps and stamps[key][3] < newest:
            fields = found._asdict()
            del fields["row"]
            for name in SHARED:
                fields[name] = numbers.setdefault(fields[name], len(numbers))
            entries.append([stamps[key], list(fields.values())])
    text = json.dumps([list(numbers), entries], separators=(",", ":")).encode()
    write_changed(out / "index.json", hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
