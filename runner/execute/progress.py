"""How a sweep goes, on stderr: a live line on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any, Self, TextIO

from mmrun.runner.terminal import escaped, unescaped

PLAIN_SECONDS = 5.0
WINDOW = 200  # finished cells over which the rate is taken


class Progress:
    """Counts cells and shows done, running, failed, rate and time left. `total` counts the cells to run."""

    def __init__(self, total: int, *, stream: TextIO | None = None, live: bool | None = None) -> None:
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty() if live is None else live
        self.total = total
        self.done = self.failed = self.in_flight = 0
        self.began = False
        self.recent: deque[tuple[float, int]] = deque(maxlen=WINDOW)
        self.printed = time.monotonic()
        self.display: Any = None

    def __enter__(self) -> Self:
        self.recent.append((time.monotonic(), 0))
        if self.live:
            from rich.console import Console
            from rich.live import Live

            self.display = Live(
                console=Console(file=unescaped(self.stream)), refresh_per_second=4, get_renderable=self.line
            )
            self.display.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.in_flight = 0
        if self.display is not None:
            self.display.stop()
        elif self.done:
            self._print(self.line())

    def say(self, text: str) -> None:
        """A sentence, above the live line."""
        if self.display is not None:
            self.display.console.print(escaped(text), markup=False, highlight=False)
        else:
            self._print(text)

    def running(self, cells: int) -> None:
        """That many cells are in flight now. Time counts from the first one on, compiling is no part of a cell."""
        if cells and not self.began:
            self.began = True
            self.recent.append((time.monotonic(), self.done))
            self.recent.popleft()
        self.in_flight = cells
        self._tick()

    def finished(self, ok: int, failed: int) -> None:
        """So many cells more have ended and are durable."""
        self.done += ok + failed
        self.failed += failed
        self.recent.append((time.monotonic(), self.done))
        self._tick()

    def rate(self) -> float:
        """Cells a second over the last ones; 0.0 while unknown."""
        since, before = self.recent[0]
        elapsed = time.monotonic() - since
        return (self.done - before) / elapsed if elapsed > 0 else 0.0

    def line(self) -> str:
        """The state in one line."""
        rate = self.rate()
        parts = [f"{self.done}/{self.total} cells", f"{self.in_flight} running", f"{self.failed} failed"]
        if rate > 0:
            parts += [f"{rate:.3g} cells/s", f"{duration((self.total - self.done) / rate)} left"]
        return ", ".join(parts)

    def _tick(self) -> None:
        now = time.monotonic()
        if self.display is None and now - self.printed >= PLAIN_SECONDS:
            self.printed = now
            self._print(self.line())

    def _print(self, text: str) -> None:
        with suppress(OSError):  # the terminal is gone, or whoever read along: no reason to stop
            print(text, file=self.stream, flush=True)


class Silent(Progress):
    """Counts cells and says nothing."""

    def __init__(self, total: int) -> None:
        super().__init__(total, live=False)

    def _print(self, text: str) -> None:
        """Nothing is printed."""


def duration(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, seconds_left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {seconds_left} s"
    return f"{minutes // 60} h {minutes % 60} min"
