"""The process that owns Ray: it starts or joins it, passes batches on, and notices when Ray dies.

Ray would notice late and badly: without its raylet it fails one task after the other, without its GCS it ends the
process after a minute, without its directory it starts no workers.
"""

import importlib
import os
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mmrun.runner.execute.ray_address import answers
from mmrun.runner.execute.ray_cluster import join, start_private
from mmrun.runner.execute.ray_messages import Dead
from mmrun.runner.execute.ray_pool import RayPool
from mmrun.runner.execute.spawned import Gone
from mmrun.runner.execute.work import message

LOOK_SECONDS = 0.5
SILENT = 3  # looks at a cluster without an answer before it counts as gone
PARTS = {"raylet": "raylet", "gcs_server": "GCS"}


def serve(pipe: Connection, address: str | None, directory: str, api: str, cells: list[Any], cpus: int) -> None:
    """Until the driver is gone or kills it."""
    be_quiet(directory)
    telling = threading.Lock()

    def tell(what: Any) -> None:
        with telling:
            pipe.send(what)

    try:
        join(address, directory) if address else start_private(directory, cpus)
        look = cluster_lost() if address else part_lost
        pool = RayPool(api, None if address is None else cells, look)
        threading.Thread(target=watch, args=(look, tell), daemon=True).start()
        while True:
            while pipe.poll(0 if pool.live else LOOK_SECONDS):
                pool.submit(pipe.recv())
            for each in pool.poll():
                tell(each)
    except (EOFError, OSError):
        os._exit(0)  # the driver is gone; Ray's own goodbye could take its time
    except (Exception, SystemExit) as error:
        tell(Dead(str(error) if isinstance(error, Gone) else message(error)))
        os._exit(1)


def be_quiet(directory: str) -> None:
    """What Ray prints goes to a file in its directory: it speaks in stacks and to developers.

    By that open file the guard knows the process.
    """
    log = os.open(os.path.join(directory, "owner.log"), os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)


def watch(look: Callable[[], str], tell: Callable[[Any], None]) -> None:
    """In a thread: say when Ray is dead, and end the process."""
    while not (lost := look()):
        time.sleep(LOOK_SECONDS)
    tell(Dead(lost))
    os._exit(1)


def part_lost() -> str:
    """What a private Ray lacks to live, '' while it lives."""
    node = importlib.import_module("ray._private.worker")._global_node
    for kind, process in node.dead_processes():
        if kind in PARTS:
            return f"Ray's {PARTS[kind]} has died (status {process.returncode})"
    needed = node.raylet_socket_name, node.plasma_store_socket_name, node.get_logs_dir_path()
    return "" if all(Path(path).exists() for path in needed) else "Ray's temporary directory is gone"


def cluster_lost() -> Callable[[], str]:
    """The same for a joined cluster, which is asked over the network."""
    where = importlib.import_module("ray").get_runtime_context().gcs_address
    silent = 0

    def look() -> str:
        nonlocal silent
        silent = 0 if answers(where) == "" else silent + 1
        return f"the Ray cluster at {where} no longer answers" if silent >= SILENT else ""

    return look
