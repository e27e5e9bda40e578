"""The law of durability, in plain numpy: what a cut now would leave on the disk, whatever else was under way.

What an fsync has answered for is there, and can be found: its contents, and the metadata that tells of its blocks. With
data=ordered no metadata on the disk tells of a block in which there is what was there before.
"""

from collections.abc import Iterator

import numpy as np

from mmrun.model.block.flush import durable as holds
from mmrun.model.core.law import require
from mmrun.model.fs.jbd2.state import journals
from mmrun.model.machine.built import Built


def verify(built: Built, seen: np.ndarray) -> None:
    """Check both laws; Violation names all that do not hold."""
    found = [message for j in range(len(journals(built.memory.m))) for message in violations(built, j)]
    require(not found, lambda: "; ".join(found))


def violations(built: Built, j: int) -> Iterator[str]:
    """What does not hold of the files of a journal's disk, in words; if that loses no writes and is flushed."""
    journal, files = journals(built.memory.m)[j], built.memory.table("files")
    disk = built.memory.table("disks")[int(journal.disk)]
    if disk.write_errors or not journal.barrier:
        return
    for number in np.flatnonzero(files["disk"] == journal.disk):
        if number != journal.meta:
            yield from _promised(built, journal, int(number))
            yield from _ordered(built, journal, int(number))


def _pages(built: Built, file: int) -> tuple[np.ndarray, np.ndarray]:
    """Versions of the file's pages, and the transactions that tell of them."""
    row = built.memory.table("files")[file]
    slots = slice(int(row.start), int(row.start + row.npages))
    return built.memory.table("versions")[slots], built.memory.table("block_tids")[slots]


def _durable(built: Built, journal: np.record, versions: np.ndarray) -> np.ndarray:
    """The version of each page that is on the medium."""
    m, disk = built.memory.m, int(journal.disk)
    numbers, where = np.unique(versions["accepted"], return_inverse=True)
    arrived = np.array([bool(holds(m, disk, int(number))) for number in numbers])
    return np.where(arrived[where], versions["cached"], versions["durable"])


def _promised(built: Built, journal: np.record, file: int) -> Iterator[str]:
    versions, tids = _pages(built, file)
    durable = _durable(built, journal, versions)
    before = (versions["version"] > 0) & (versions["stored_at"] < built.memory.table("inodes")[file].promised_at)
    lost = before & (durable < versions["version"])
    if lost.any():
        page = int(np.argmax(lost))
        yield f"page {page} of file {file} was synced, and a cut would lose what is in it"
    hidden = before & ((tids < 0) | (tids > journal.sequence))
    if hidden.any():
        page = int(np.argmax(hidden))
        yield f"page {page} of file {file} was synced, and nothing on the disk tells of its block ({tids[page]})"


def _ordered(built: Built, journal: np.record, file: int) -> Iterator[str]:
    if not journal.ordered:
        return
    versions, tids = _pages(built, file)
    durable = _durable(built, journal, versions)
    stale = (tids > 0) & (tids <= journal.sequence) & (versions["version"] > 0) & (durable == 0)
    if stale.any():
        page = int(np.argmax(stale))
        yield f"page {page} of file {file} has a block that transaction {tids[page]} tells of, and was never written"
