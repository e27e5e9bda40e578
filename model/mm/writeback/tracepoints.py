"""Writeback's tracepoints (include/trace/events/writeback.h); read in 3.1, 3.6, 4.4, 4.9, 5.19, 6.1, 6.12.

`bdi` is the device number that the disk would have, `ino` the file's among those of the cell, `cgroup_ino` 1 for the
root group. Rates are in pages a second where kernels give them, and are printed in KiB a second.
"""

from mmrun.model.core.timeline import Step, always, since
from mmrun.model.core.tracepoint import Tracepoint, kind, tracepoint

H = "include/trace/events/writeback.h"
PATHS = "writeback: update writeback tracepoints to report cgroup"
NUMBERS = "tracing, writeback: Replace cgroup path to cgroup ino"
WHY = "writeback: Add a 'reason' to wb_writeback_work"
VMSCAN = "mm: vmscan: kick flushers when we encounter dirty pages on the LRU"
MORE = "writeback: add more tracepoints"
FIRST_INO = 12  # of a file, in ext4
SD_MINORS = 16  # minor numbers of a disk
PATH, INO = " cgroup={cgroup_ino.path}", " cgroup_ino={cgroup_ino}"


class Bdi(str):
    """A backing device as `bdi` prints it; `dev`: as its super block does."""

    @property
    def dev(self) -> str:
        """Major and minor number."""
        return self.replace(":", ",")


class Cgroup(int):
    """A group as `cgroup_ino` prints it; `path`: as `cgroup` did, which is not its real name."""

    @property
    def path(self) -> str:
        """`/` for the root."""
        return "/" if self == 1 else f"/{self}"


class Reason(str):
    """Why a flusher works; `old`: in words of its time."""

    @property
    def old(self) -> str:
        """What reclaim's wishes were called."""
        return "try_to_free_pages" if self == "vmscan" else self


REASONS = [Reason(reason) for reason in ("", "vmscan", "vmscan", "periodic", "background", "foreign_flush")]

kind("bdi", lambda disk: Bdi(f"8:{SD_MINORS * disk}"))
kind("ino", lambda file: file + FIRST_INO)
kind("cgroup", lambda memcg: Cgroup(memcg + 1))
kind("KBps", lambda pages: pages << 2)
kind("wb_reason", REASONS)
kind("inode", lambda dirty: "I_DIRTY_PAGES|I_SYNC" if dirty else "I_SYNC")


def grouped(version: str, template: str, source: str, unsure: str = "") -> tuple[Step, Step, Step]:
    """The steps of an event that came to tell the group: not at first, then its path, then its inode number."""
    return (
        since(version, template, source, unsure),
        since("4.3", template + PATH, PATHS),
        since("4.6", template + INO, NUMBERS, "between 4.5 and 4.9"),
    )


def reasoned(template: str) -> tuple[Step, ...]:
    """The steps of an event that came to tell the reason, then the group."""
    old, new = template + " reason={reason.old}", template + " reason={reason}"
    first, *later = grouped("3.2", old, WHY)
    return since("3.1", template, f"{H}, 3.1"), first, *later, since("4.12", new + INO, VMSCAN, "between 4.10 and 4.18")


def work(number: int, name: str, opened_by: str = "") -> Tracepoint:
    """An event of the class writeback_work_class."""
    return tracepoint(
        number, "writeback", name, "bdi:bdi nr_pages kupdate background reason:wb_reason cgroup_ino:cgroup",
        *reasoned("bdi {bdi}: sb_dev 0:0 nr_pages={nr_pages} sync_mode=0 kupdate={kupdate} range_cyclic=1 "
                  "background={background}"),
        opened_by=opened_by,
    )  # fmt: skip


writeback_dirty_folio = tracepoint(
    80, "writeback", "writeback_dirty_folio", "bdi:bdi ino:ino index",
    since("3.9", ("writeback_dirty_page", "bdi {bdi}: ino={ino} index={index}"), MORE),
    since("5.16", "bdi {bdi}: ino={ino} index={index}", "mm/writeback: Add __folio_mark_dirty(), 5.16"),
)  # fmt: skip
folio_wait_writeback = tracepoint(
    81, "writeback", "folio_wait_writeback", "bdi:bdi ino:ino index",
    since("5.2", ("wait_on_page_writeback", "bdi {bdi}: ino={ino} index={index}"),
          "by lttng-modules"),
    since("5.16", "bdi {bdi}: ino={ino} index={index}", "mm/writeback: Add folio_wait_writeback(), 5.16"),
)  # fmt: skip
writeback_queue = work(82, "writeback_queue")
writeback_exec = work(83, "writeback_exec")
writeback_start = work(84, "writeback_start")
writeback_written = work(85, "writeback_written", "writeback_start")
writeback_wait = work(86, "writeback_wait")
writeback_pages_written = tracepoint(
    87, "writeback", "writeback_pages_written", "pages",
    always("{pages}", f"{H}, 3.1"),
)  # fmt: skip
writeback_wake_background = tracepoint(
    88, "writeback", "writeback_wake_background", "bdi:bdi cgroup_ino:cgroup",
    always("bdi {bdi}", f"{H}, 3.1"),
    since("4.3", "bdi {bdi}:" + PATH, PATHS),
    since("4.6", "bdi {bdi}:" + INO, NUMBERS, "between 4.5 and 4.9"),
)  # fmt: skip
writeback_queue_io = tracepoint(
    89, "writeback", "writeback_queue_io", "bdi:bdi older age moved reason:wb_reason cgroup_ino:cgroup",
    *reasoned("bdi {bdi}: older={older} age={age} enqueue={moved}"),
)  # fmt: skip
OF_INODE = "bdi:bdi ino:ino state:inode dirtied_when age index to_write wrote cgroup_ino:cgroup"
SINGLE_INODE = (
    "bdi {bdi}: ino={ino} state={state} dirtied_when={dirtied_when} age={age} index={index} to_write={to_write} "
    "wrote={wrote}"
)
writeback_single_inode_start = tracepoint(
    90, "writeback", "writeback_single_inode_start", OF_INODE,
    *grouped("3.9", SINGLE_INODE, MORE),
)  # fmt: skip
writeback_single_inode = tracepoint(
    91, "writeback", "writeback_single_inode", OF_INODE,
    *grouped("3.1", SINGLE_INODE, f"{H}, 3.1"), opened_by="writeback_single_inode_start",
)  # fmt: skip
writeback_dirty_inode_enqueue = tracepoint(
    92, "writeback", "writeback_dirty_inode_enqueue", "bdi:bdi ino:ino dirtied_when state:inode",
    since("4.0", "dev {bdi.dev} ino {ino} dirtied {dirtied_when} state {state} mode 0100644",
          "vfs: add support for a lazytime mount option, 4.0"),
)  # fmt: skip
STATE = "bg_thresh={bg_thresh} thresh={thresh} limit={limit} dirtied={dirtied} written={written}"
global_dirty_state = tracepoint(
    93, "writeback", "global_dirty_state", "dirty writeback unstable bg_thresh thresh limit dirtied written",
    since("3.1", "dirty={dirty} writeback={writeback} unstable={unstable} " + STATE, f"{H}, 3.1"),
    since("5.8", "dirty={dirty} writeback={writeback} " + STATE,
          "mm/writeback: discard NR_UNSTABLE_NFS, use NR_WRITEBACK instead"),
)  # fmt: skip
bdi_dirty_ratelimit = tracepoint(
    94, "writeback", "bdi_dirty_ratelimit",
    "bdi:bdi write_bw:KBps awrite_bw:KBps dirty_rate:KBps dirty_ratelimit:KBps task_ratelimit:KBps "
    "balanced:KBps cgroup_ino:cgroup",
    *grouped("3.2", "bdi {bdi}: write_bw={write_bw} awrite_bw={awrite_bw} dirty_rate={dirty_rate} "
             "dirty_ratelimit={dirty_ratelimit} task_ratelimit={task_ratelimit} balanced_dirty_ratelimit={balanced}",
             "writeback: trace dirty_ratelimit, 3.2"),
)  # fmt: skip
