"""Starting and joining Ray, in the process that owns it (`mmrun.runner.execute.ray_serve`).

A private cluster listens on loopback only, with a token of its own, no dashboard, no usage reports, and its files in a
directory that goes away with it. On Linux its processes die with the one that started them (Ray asks the kernel for
that); `mmrun.runner.execute.guard` ends the helpers that would stay a minute longer.
"""

import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mmrun.runner.execute.ray_address import on_loopback_alone
from mmrun.runner.execute.spawned import thread_caps

ROOT = Path(__file__).resolve().parents[2]
OBJECT_STORE = 256 << 20  # results pass through it in small pieces
SOCKET_ROOM = 40  # longest temporary directory that leaves room for Ray's socket names (107 bytes in all)
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # else Ray replaces a loopback address by an outside one
COMMON: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": False}
NICENESS = "0"  # Ray's own choice is 15; cells run as nice as the command was started, whoever runs them


def start_private(directory: str, cpus: int) -> None:
    """Start a Ray of this many CPUs with its files in the directory, and connect this process to it."""
    os.environ |= (
        QUIET
        | LOOPBACK
        | {  # read by Ray when it is imported and by the processes it starts
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_worker_niceness": NICENESS,
        }
    )
    quiet_ray().init(
        address="local",
        num_cpus=cpus,
        num_gpus=0,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        object_store_memory=OBJECT_STORE,
        _temp_dir=directory,
        **COMMON,
    )


def join(address: str, directory: str) -> None:
    """Connect this process to a cluster, and give its workers this very code, put together in the directory."""
    os.environ |= QUIET | (LOOPBACK if on_loopback_alone(address) else {})
    environment = {"py_modules": [str(whole_package(Path(directory)))], "env_vars": thread_caps()}
    quiet_ray().init(address=address, runtime_env=environment, **COMMON)


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


def whole_package(directory: Path) -> Path:
    """One folder `mmrun` with all of the code: as installed, or put together in the directory from a checkout's."""
    if ROOT.name == "mmrun" and (ROOT / "__init__.py").is_file():
        return ROOT
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mmrun", directory / "mmrun", ignore=skip)
    for folder in ("model", "runner"):
        shutil.copytree(ROOT / folder, directory / "mmrun" / folder, ignore=skip)
    return directory / "mmrun"
