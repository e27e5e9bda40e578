"""Starting, joining and stopping Ray.

A private cluster listens on loopback only, with a token of its own, no dashboard, no usage reports, and its files in a
directory that goes away with it. On Linux its processes die with the thread that started them (Ray asks the kernel for
that), so one thread owns Ray from start to shutdown; `mmrun.runner.execute.guard` ends the helpers that would stay a
minute longer.
"""

import atexit
import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mmrun.runner.execute.ray_address import Unreachable

ROOT = Path(__file__).resolve().parents[2]
OBJECT_STORE = 256 << 20  # results pass through it in small pieces
SOCKET_ROOM = 40  # longest temporary directory that leaves room for Ray's socket names (107 bytes in all)
ONE_AT_A_TIME = threading.Lock()  # a process has one Ray; the next waits until the last is gone
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def thread_caps() -> dict[str, str]:
    """Environment of a worker: one thread in every numeric library, since every core runs a cell of its own."""
    return {f"{library}_NUM_THREADS": "1" for library in THREADS}


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """The process environment with `values` set, for the time of a `with` block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


class Cluster:
    """Ray, started (`address` None) or joined in a thread of its own; `workers` caps a private cluster's CPUs."""

    def __init__(self, address: str | None, workers: int) -> None:
        self.address = address
        self.workers = workers
        self.error: BaseException | None = None
        self.started = threading.Event()
        self.stopping = threading.Event()
        self.directory = ""
        self.guard: subprocess.Popen[bytes] | None = None
        self.thread = threading.Thread(target=self._own, name="ray")  # joined at exit, so that nothing is left
        self.thread.start()

    def ready(self) -> bool:
        """Whether Ray takes tasks. Raises Unreachable when it never will."""
        if self.started.is_set() and self.error is not None:
            where = f"no Ray cluster at {self.address}" if self.address else "Ray did not start"
            raise Unreachable(f"{where}: {self.error}") from self.error
        return self.started.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for `ready` that long at most."""
        self.started.wait(seconds)
        return self.ready()

    def stop(self, *, wait: bool = True) -> None:
        """Shut a private cluster down, or leave a joined one; `wait` returns when nothing of it is left here."""
        self.stopping.set()
        if wait:
            self.thread.join()

    def _own(self) -> None:
        with ONE_AT_A_TIME:
            try:
                self._start()
            except (Exception, SystemExit) as error:
                self.error = error
            finally:
                self.started.set()
            self.stopping.wait()
            self._shutdown()

    def _start(self) -> None:
        common: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
        os.environ.update(QUIET)
        if self.address:
            ray = quiet_ray()
            ray.init(address=self.address, runtime_env=shipped_environment(), **common)
            return
        self.directory = tempfile.mkdtemp(prefix="mmrun-ray-", dir=short_directory())
        self.guard = start_guard(self.directory)
        private = {  # read by Ray when it is imported and by the processes it starts
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else Ray replaces a loopback address by an outside one
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32),  # Ray reads it once a process
        }
        os.environ.update(private)
        with environment(thread_caps()):
            ray = quiet_ray()
            ray.init(
                address="local",
                num_cpus=self.workers,
                num_gpus=0,
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                object_store_memory=OBJECT_STORE,
                _temp_dir=self.directory,
                **common,
            )

    def _shutdown(self) -> None:
        ray = sys.modules.get("ray")
        if ray is not None and ray.is_initialized():
            ray.shutdown()
        if self.guard is not None:
            self.guard.kill()
            self.guard.communicate()
            shutil.rmtree(self.directory, ignore_errors=True)


def start_guard(directory: str) -> subprocess.Popen[bytes]:
    """The process that ends the cluster's processes should this one be killed; it waits on its stdin."""
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), os.path.realpath(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def quiet_ray() -> Any:
    """The module, which sets its own log level as it is imported, then set to speak of errors only."""
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray


def short_directory() -> str:
    """The temporary directory, or /tmp where its path is too long for a socket's name."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= SOCKET_ROOM else "/tmp"


def shipped_environment() -> dict[str, Any]:
    """Runtime environment for a cluster's workers: this very code, and thread caps."""
    return {"py_modules": [str(whole_package())], "env_vars": thread_caps()}


@cache
def whole_package() -> Path:
    """One directory `mmrun` with all of the code: as installed, or put together from a checkout's folders."""
    if ROOT.name == "mmrun" and (ROOT / "__init__.py").is_file():
        return ROOT
    staged = Path(tempfile.mkdtemp(prefix="mmrun-"))
    atexit.register(shutil.rmtree, staged, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mmrun", staged / "mmrun", ignore=skip)
    for folder in ("model", "runner"):
        shutil.copytree(ROOT / folder, staged / "mmrun" / folder, ignore=skip)
    return staged / "mmrun"


def size() -> tuple[int, float, float]:
    """Living nodes of the connected cluster, their CPUs and bytes of memory."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return len(nodes), sum(node.get("CPU", 0) for node in nodes), sum(node.get("memory", 0) for node in nodes)
