"""`mmrun doctor`: whether this machine has what mmrun needs."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mmrun.model.core.frozen import frozen

NEEDED = ("ray", "numpy", "numba", "pydantic", "pyyaml", "typer", "scipy", "pyarrow", "matplotlib", "zstandard")
LEAST_DISK = 1 << 30


@frozen
class Finding:
    """One thing looked at. `needed` ones that are not `ok` make the command fail."""

    name: str
    ok: bool
    text: str
    needed: bool = True


def command(
    address: Annotated[str | None, typer.Option(help="host:port of a Ray cluster to look at.")] = None,
    start_ray: Annotated[bool, typer.Option("--ray/--no-ray", help="Start or join Ray, to see that it works.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON.")] = False,
    compile_now: Annotated[bool, typer.Option("--compile", help="Compile the kernels now, if they are not.")] = False,
) -> None:
    """Look at versions, Ray, disk, kernel cache and valgrind; exit 3 when something needed is missing."""
    if compile_now:
        compile_kernels()
    findings: list[Finding] = []
    for finding in look(address, start_ray):
        findings.append(finding)
        if not as_json:
            mark = "ok" if finding.ok else "MISSING" if finding.needed else "absent"
            print(f"{mark:<8}{finding.name:<13}{finding.text}", flush=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(3)


def compile_kernels() -> None:
    """Make this machine ready, telling on stderr how it goes."""
    from mmrun.runner.execute.warm import prepare

    prepare(lambda text: print(text, file=sys.stderr, flush=True))


def look(address: str | None, start_ray: bool) -> Iterator[Finding]:
    """Everything there is to look at, quick things first."""
    yield python()
    yield from packages()
    yield disk()
    yield kernel_cache()
    yield valgrind()
    if start_ray:
        yield ray(address)


def python() -> Finding:
    """The interpreter."""
    import platform

    text = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
    return Finding("python", sys.version_info >= (3, 11), text)


def packages() -> Iterator[Finding]:
    """Versions of the packages mmrun is built on."""
    from importlib.metadata import PackageNotFoundError, version

    for package in NEEDED:
        try:
            yield Finding(package, True, version(package))
        except PackageNotFoundError:
            yield Finding(package, False, f"not installed: pip install {package}")


def disk() -> Finding:
    """Room where results go by default."""
    import shutil

    free = shutil.disk_usage(Path.cwd()).free
    return Finding("disk", free >= LEAST_DISK, f"{free / 2**30:.1f} GiB free in {Path.cwd()} (results/ goes here)")


def kernel_cache() -> Finding:
    """Where compiled kernels lie, how much there is, and whether it is of the present model."""
    import os

    from mmrun.runner.execute.warm import fresh, kernel_cache

    folder = kernel_cache()
    try:
        compiled = fresh()
    except OSError as error:
        return Finding("kernel cache", False, str(error))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
    nearest = next(path for path in [folder, *folder.parents] if path.exists())
    state = "kernels of this model are compiled" if compiled else "kernels will be compiled at the first sweep"
    text = f"{folder}, {size / 2**20:.0f} MiB; {state}"
    if not os.access(nearest, os.W_OK):
        return Finding("kernel cache", False, f"{folder} cannot be written: set NUMBA_CACHE_DIR or XDG_CACHE_HOME")
    return Finding("kernel cache", True, text)


def valgrind() -> Finding:
    """The recorder of page traces; nothing else needs it."""
    import shutil
    import subprocess

    path = shutil.which("valgrind")
    if path is None:
        return Finding("valgrind", False, "needed only by `mmrun trace record` (Debian: apt install valgrind)", False)
    found = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return Finding("valgrind", True, f"{found} ({path})", needed=False)


def ray(address: str | None) -> Finding:
    """Whether Ray starts here, or the cluster can be joined."""
    import time

    from mmrun.model.core.cpus import cores
    from mmrun.runner.execute.batches import Queue
    from mmrun.runner.execute.ray_address import Unreachable, address_of, named, reach
    from mmrun.runner.execute.ray_process import RayProcess
    from mmrun.runner.execute.spawned import Gone
    from mmrun.runner.execute.work import MODEL

    where = address_of(address)
    started = time.monotonic()
    said: list[str] = []
    try:
        if where:
            reach(where)
        process = RayProcess(where, MODEL, [], cores())
        try:
            while not process.ready():
                next(process.poll(Queue([]), said.append), None)
                time.sleep(0.1)
        finally:
            process.stop()
    except (Unreachable, Gone) as error:
        return Finding("ray start", False, "; ".join([*said, str(error)]))
    size, seconds = process.size, time.monotonic() - started
    found = f"{size.nodes} nodes, {size.cpus} CPUs, {size.memory / 2**30:.1f} GiB, in {seconds:.1f} s"
    out = [text for text in said if "left out" in text]
    return Finding(
        "ray start", not out, "; ".join([f"{named(where) if where else 'private, on loopback'}: {found}", *out])
    )
