"""Conservation of dirty pages: dirty, under writeback or clean, counted alike by pages, files, wbs, zones, requests."""

from collections.abc import Iterator

import numpy as np

from mmrun.model.block.flush import DATA
from mmrun.model.block.place import clients
from mmrun.model.block.report import for_flushes
from mmrun.model.block.state import DISK_NFS, DISK_REMOTE, DISK_STRIPE, block_state, disks, elevators
from mmrun.model.core.law import chain, require
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.check import folios
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.writeback.inodes import B_DIRTY, B_MORE_IO, WRITING
from mmrun.model.mm.writeback.nfs import COMMIT
from mmrun.model.mm.writeback.state import writeback_count, writeback_settings


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every law; Violation names all that do not hold."""
    found = violations(built)
    require(not found, lambda: "; ".join(found))


def violations(built: Built) -> list[str]:
    """What does not add up, in words; empty when all does."""
    return [message for check in (_counts, _tags, _requests, _inodes, _queues) for message in check(built)]


def _file_pages(built: Built) -> np.ndarray:
    """The first frame of each page's folio in the page cache: a large one comes as often as it has pages."""
    entries, frames = built.memory.table("cache"), built.memory.table("frames")
    return frames[folios(frames, entries[entries > 0] - 1)]


def _swap_writes(built: Built) -> np.ndarray:
    """The frames of the swap cache that are being written."""
    entries, frames = built.memory.table("swapcache"), built.memory.table("frames")
    pages = frames[folios(frames, entries[entries > 0] - 1)]
    return pages[(pages["state"] & state.WRITEBACK) != 0]


def _counts(built: Built) -> Iterator[str]:
    m, pages, files = built.memory.m, _file_pages(built), built.memory.table("files")
    backed, wbs = files["disk"] != NONE, built.memory.table("wbs")
    unstable = _unstable(built)
    for flag, of_file, of_zone, of_wb, total in (
        (state.DIRTY, "nr_dirty", "nr_file_dirty", "nr_reclaimable", writeback_count(m).nr_dirty),
        (
            state.WRITEBACK,
            "nr_writeback",
            "nr_writeback",
            "nr_writeback",
            writeback_count(m).nr_writeback + writeback_count(m).nr_unstable,
        ),
    ):
        marked = pages[(pages["state"] & flag) != 0]
        by_file = np.bincount(marked["slot"], minlength=len(files))
        if (by_file[backed] != files[of_file][backed]).any() or by_file[~backed].any():
            yield f"{of_file} of files is {files[of_file].tolist()}, they have {by_file.tolist()}"
        everything = np.concatenate([marked, _swap_writes(built)]) if flag == state.WRITEBACK else marked
        by_zone = np.bincount(everything["zone"], minlength=len(zones(m)))
        if (by_zone != zones(m)[of_zone]).any():
            yield f"{of_zone} of zones is wrong"
        by_wb = np.bincount(files["wb"], weights=by_file, minlength=len(wbs))
        counted = wbs[of_wb] - unstable if flag == state.DIRTY else wbs[of_wb] + unstable
        if len(wbs) and (by_wb != counted).any():
            yield f"{of_wb} of wbs is wrong"
        if writeback_settings(built.memory.m).cgroup_writeback:
            yield from _groups(built, of_file, everything)
        if len(everything) != total:
            yield f"{total} pages are counted as {of_file}, there are {len(everything)}"


def _groups(built: Built, name: str, marked: np.ndarray) -> Iterator[str]:
    """Counts of groups include those of their descendants; the machine's own row has none."""
    counted, groups = built.memory.table("wb_domains")[name], built.memory.table("memcgs")
    own = np.bincount(marked["memcg"], minlength=len(groups))
    for g in range(1, len(groups)):
        if own[g : int(groups[g].end)].sum() != counted[g]:
            yield f"{name} of group {g} is {counted[g]}, it has {own[g : int(groups[g].end)].sum()}"


def _unstable(built: Built) -> np.ndarray:
    """Pages of each wb that wait for a COMMIT or its answer, where they are counted apart."""
    found = np.zeros(len(built.memory.table("wbs")), dtype=np.int64)
    rows, files = built.memory.table("requests"), built.memory.table("files")
    if not writeback_settings(built.memory.m).counts_unstable:
        return found
    for number in _uncommitted(built):
        found[files["wb"][rows[number].file]] += rows[number].count
    for number in built.memory.table("io")["what"][: int(block_state(built.memory.m).nr_io)]:
        if number >= 0 and rows[number].passed == COMMIT and disks(built.memory.m)[rows[number].disk].kind == DISK_NFS:
            found[files["wb"][rows[number].file]] += rows[number].pages
    return found


def _uncommitted(built: Built) -> list[int]:
    """Rows of requests that a file server has answered and that wait for a COMMIT."""
    rows = built.memory.table("requests")
    found: list[int] = []
    for head in built.memory.table("files")["commit_head"]:
        number = int(head) - 1 if head else NONE
        while number != NONE:
            found.append(number)
            number = int(rows[number].chain)
    return found


def _tags(built: Built) -> Iterator[str]:
    entries, frames = built.memory.table("cache"), built.memory.table("frames")
    slots = np.flatnonzero(entries > 0)
    dirty = slots[(frames["state"][folios(frames, entries[slots] - 1)] & state.DIRTY) != 0]
    tags = built.memory.table("dirty_tags")
    if (np.bincount(dirty >> 6, minlength=len(tags)) != tags).any():
        yield "the tags of dirty pages are wrong"


def _disks(built: Built) -> np.recarray:
    """The machine's disks and the clients' ends of swap areas on servers."""
    machine = built.cell.machine
    return disks(built.memory.m)[: len(machine.disks) + len(clients(machine))]


def _waiting(built: Built) -> list[int]:
    """Requests that some disk has still to serve, as its lists say."""
    rows = built.memory.table("requests")
    found: list[int] = []
    for disk in _disks(built):
        if disk.depth == 0:
            continue
        heads = [int(disk.queue.head), int(disk.drive_head)]
        reads = disk.kind == DISK_REMOTE or disk.elevator
        for number in [*heads, int(disk.reading.head)] if reads else heads:
            while number != NONE and len(found) <= len(rows):
                found.append(number)
                number = int(rows[number].next)
    return found


def _carried(built: Built) -> list[int]:
    """Requests that transports carry to servers."""
    rows, found = built.memory.table("rqs_of_sessions"), list[int]()
    for session in built.memory.table("sessions"):
        for each in session["lists"]:
            found += [int(rows["number"][rq]) for rq in chain(rows, int(each["head"]), int(each["n"]))]
    return [number for number in found if number != NONE]


def _rows(rows: np.ndarray, number: int) -> int:
    """How many rows a request has."""
    count = 0
    while number != NONE and count <= len(rows):
        count, number = count + 1, int(rows[number].chain)
    return count


def _requests(built: Built) -> Iterator[str]:
    """Every page under writeback is in exactly one request, or its reclaimer has yet to send that."""
    m, rows, frames = built.memory.m, built.memory.table("requests"), built.memory.table("frames")
    announced = built.memory.table("io")["what"][: int(block_state(m).nr_io)]
    on_way = [*announced[announced >= 0].tolist(), *_waiting(built), *_carried(built)]
    reads = [number for number in on_way if rows[number].read]
    writes = [number for number in on_way if not rows[number].read]
    loose = [int(head) - 1 for head in built.memory.table("files")["commit_head"] if head]
    seen, used = np.zeros(len(frames), dtype=np.int8), 0
    for head in [*writes, *loose]:
        pages, number = 0, head
        if rows[head].bio:
            used += 1
            continue
        while number != NONE:
            row = rows[number]
            held = built.memory.table("swapcache" if row.file == NONE else "cache")
            seen[held[int(row.first) : int(row.first + row.count)] - 1] += 1
            pages, used, number = pages + int(row.count), used + 1, int(row.chain)
        if pages != rows[head].pages and head not in loose:
            yield f"a request counts {rows[head].pages} pages, has {pages}"
    for plug in built.memory.table("plugs"):
        seen[plug.pages[: int(plug.n)]] += 1
        seen[int(plug.waits) - 1] += int(plug.waits > 0)
    expected = (frames["state"] & state.WRITEBACK) != 0
    for first in np.flatnonzero(expected & (frames["order"] > 0)):  # part of a large folio may be written, or not sent
        end = first + (1 << int(frames["order"][first]))
        if seen[first:end].sum() > frames["slot"][first + 1] or seen[first:end].max(initial=0) > 1:
            yield f"more of folio {first} is in requests than is to be written"
        expected[first:end] = seen[first:end]
    if (seen != expected).any():
        yield f"frame {int(np.argmax(seen != expected))} is in {seen.max()} requests"
    used += sum(_rows(rows, head) for head in reads)
    used += len(for_flushes(m))
    if used != block_state(m).nr_requests:
        yield f"{block_state(m).nr_requests} requests are counted, {used} are in flight"


def _inodes(built: Built) -> Iterator[str]:
    """A file with dirty pages is on one list of its wb, or being written."""
    files, listed = built.memory.table("files"), {}
    for w, wb in enumerate(built.memory.table("wbs")):
        writing = int((files["on"][files["wb"] == w] == WRITING).sum())
        if writing != wb.nr_writing:
            yield f"wb {w} counts {wb.nr_writing} files being written, there are {writing}"
        for which in range(B_DIRTY, B_MORE_IO + 1):
            file, n = int(wb.inodes[which]["head"]), 0
            while file != NONE and n <= len(files):
                listed[file] = which
                file, n = int(files[file].next), n + 1
            if n != wb.inodes[which]["n"]:
                yield "a list of dirty files miscounts"
    for inode in built.memory.table("jobs")["inode"]:
        if inode != NONE:
            listed[int(inode)] = WRITING
    for file, row in enumerate(files):
        if int(row.on) != listed.get(file, 0):
            yield f"file {file} is on list {listed.get(file, 0)}, it says {row.on}"
        if row.nr_dirty and not row.on:
            yield f"file {file} has {row.nr_dirty} dirty pages and is on no list"


def _queues(built: Built) -> Iterator[str]:
    m, rows, announced = built.memory.m, built.memory.table("requests"), built.memory.table("io")["what"]
    numbers = announced[: int(block_state(built.memory.m).nr_io)]
    waiting, carried = _waiting(built), _carried(built)
    for d, disk in enumerate(_disks(built)):
        if disk.kind in (DISK_STRIPE, DISK_NFS):
            continue
        in_service = sum(1 for number in (*numbers.tolist(), *carried) if number >= 0 and rows[number].disk == d)
        queued = sum(1 for number in waiting if rows[number].disk == d)
        held = disk.queue.n + disk.nr_drive + disk.reading.n
        in_service += sum(1 for number in for_flushes(m) if rows[number].disk == d and rows[number].steps & DATA)
        if in_service + queued != disk.nr_allocated + disk.nr_reads or queued != held:
            yield f"disk {d} counts {disk.nr_allocated} requests, has {in_service} + {queued}"
        if queued and not disk.announced and elevators(m)[d].timer < m.now:
            yield f"disk {d} has requests and is idle"
