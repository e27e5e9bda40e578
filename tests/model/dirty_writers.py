"""Writers as fast as memory on one device of constant rate: the throttling formulas in a loop, without a machine."""

import heapq
from dataclasses import dataclass, field

from mmrun.model.mm.dirty_throttling import dirty_pause
from mmrun.model.mm.writeback import dirty_ratelimit
from mmrun.model.mm.writeback.page_writeback import thresholds
from mmrun.model.mm.writeback.wb_bandwidth import INIT_BW, interval, next_bandwidth

PAGE_NS = 600  # a page copied by write()
FORK_NS = 100_000  # they start one after the other; started at once, a thousand stay in step and settle at 17.1 %


@dataclass
class Writer:
    """A dirtier's part of the task structure; times in jiffies."""

    dirtied: int = 0
    until_pause: int = 32
    paused_when: int = 0


@dataclass
class Constant:
    """A machine whose dirty pages all belong to one device that writes `rate` pages a second while there are any."""

    hz: int
    rate: int
    thresh: int
    bg: int
    dirty: int = 0
    written: int = 0
    dirtied: int = 0
    busy_until: float = 0.0
    bw: int = INIT_BW
    avg: int = INIT_BW
    rl: int = INIT_BW
    balanced: int = INIT_BW
    stamp: int = 0
    seen: tuple[int, int] = (0, 0)
    levels: list[int] = field(default_factory=list)
    rates: list[int] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)

    def write_until(self, ns: int) -> None:
        """Let the device work until `ns`."""
        done = min(self.dirty, int((ns - self.busy_until) * self.rate / 1e9))
        if done:
            self.dirty -= done
            self.written += done
            self.busy_until += done * 1e9 / self.rate
        if self.dirty == 0:
            self.busy_until = ns

    def ratio(self) -> int:
        """The position ratio now."""
        return dirty_ratelimit.position_ratio(
            self.thresh, self.bg, self.thresh, self.dirty, self.thresh, self.bg, self.dirty, self.avg, True, False,
            False,
        )  # fmt: skip

    def tick(self, now: int) -> None:
        """Update rate and bandwidth when 200 ms have passed."""
        elapsed = now - self.stamp
        if elapsed <= interval(self.hz):
            return
        setpoint = ((self.thresh + self.bg) // 2 + self.thresh) // 2
        self.rl, self.balanced = dirty_ratelimit.next_ratelimit(
            self.rl, self.balanced, self.ratio(), self.avg, self.dirtied - self.seen[0], elapsed, self.hz, self.dirty,
            setpoint, True,
        )  # fmt: skip
        self.bw, self.avg = next_bandwidth(self.written - self.seen[1], elapsed, self.bw, self.avg, self.hz)
        self.stamp, self.seen = now, (self.dirtied, self.written)
        self.levels.append(self.dirty)
        self.rates.append(self.rl)

    def balance(self, writer: Writer, now: int) -> int:
        """What balance_dirty_pages does for a writer; jiffies to sleep."""
        if self.dirty <= (self.thresh + self.bg) // 2:
            writer.paused_when, writer.dirtied = now, 0
            writer.until_pause = dirty_pause.poll_interval(self.dirty, self.thresh)
            return 0
        self.tick(now)
        rate = self.rl * self.ratio() >> 10
        longest = dirty_pause.max_pause(self.dirty, self.avg, self.hz)
        shortest, pages, _ = dirty_pause.min_pause(self.avg, self.rl, rate, longest, self.hz)
        if rate == 0:
            return self.sleep(writer, now, longest, pages)
        period = self.hz * writer.dirtied // rate
        pause = period - (now - writer.paused_when)
        if pause < shortest:
            if pause < -self.hz:
                writer.paused_when, writer.dirtied = now, 0
            elif period:
                writer.paused_when, writer.dirtied = writer.paused_when + period, 0
            elif writer.until_pause <= writer.dirtied:
                writer.until_pause += writer.dirtied
            return 0
        if pause > longest:
            now += min(pause - longest, longest)
            pause = longest
        return self.sleep(writer, now, pause, pages)

    def sleep(self, writer: Writer, now: int, pause: int, pages: int) -> int:
        """Note a sleep of `pause` jiffies."""
        writer.paused_when, writer.dirtied, writer.until_pause = now + pause, 0, pages
        self.pauses.append(pause)
        return pause


def run(writers: int, rate_mb: int, dirtyable_mb: int, seconds: int, hz: int = 1000) -> Constant:
    """Let so many writers at a device of so many MB/s for some simulated seconds."""
    thresh, bg = thresholds(dirtyable_mb * 256, 20, 10, 0, 0, 100)
    machine, tick_ns = Constant(hz, rate_mb * 256, thresh, bg), 10**9 // hz
    queue = [(i * FORK_NS, i, Writer()) for i in range(writers)]
    while queue[0][0] < seconds * 10**9:
        now, i, writer = heapq.heappop(queue)
        machine.write_until(now)
        pages = max(1, writer.until_pause - writer.dirtied)
        now += pages * PAGE_NS
        writer.dirtied += pages
        machine.dirty += pages
        machine.dirtied += pages
        jiffy = now // tick_ns
        pause = machine.balance(writer, jiffy)
        heapq.heappush(queue, ((jiffy + pause) * tick_ns if pause else now, i, writer))
    return machine
