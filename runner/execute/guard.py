"""Waits for the end of the driver that started it, then ends what is left of that driver's private Ray.

Run as a script with the cluster's directory as its argument and a pipe from the driver as stdin, whose end of file says
that the driver is gone, killed or not. A process belongs to the cluster if it has a file open in the directory.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

PATIENCE = 10.0  # seconds to go on looking while processes are left


def members(directory: str) -> list[int]:
    """Processes that have a file open below the directory; on Linux only, elsewhere none."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            files = [os.readlink(link) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # gone, or another user's
        if any(file.startswith(directory + os.sep) for file in files) and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def end_all(directory: str) -> None:
    """Kill the members, again as long as new ones appear, then remove the directory."""
    deadline = time.monotonic() + PATIENCE
    while (left := members(os.path.realpath(directory))) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.2)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.read()
    end_all(sys.argv[1])
