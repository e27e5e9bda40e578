"""Every range that a type declares, where a configuration can break it, and values on both sides of each bound."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from typing import Any, get_args, get_origin

from mmrun.model import workloads
from mmrun.model.description import Cell
from mmrun.model.rules.bounds import Bounds, arms, bare, bounds, hints
from mmrun.model.rules.record import is_family, kinds
from mmrun.runner.config.experiment import Replicates
from mmrun.runner.config.facts import DATED, limits
from mmrun.runner.report.report_block import ReportBlock

STREAMS: dict[str, dict[str, Any]] = {
    "build": {"jobs": 3}, "loop": {"size": "1MiB", "accesses": 9}, "metadata": {"objects": 9, "accesses": 9},
    "phases": {"size": "1MiB", "working_set": "4KiB", "accesses": 9, "phase": 3},
    "scan": {"hot": "4KiB", "size": "1MiB", "accesses": 9}, "uniform": {"size": "1MiB", "accesses": 9},
    "walk": {"size": "1MiB", "accesses": 9}, "writer": {"size": "1MiB", "accesses": 9},
    "zipf": {"size": "1MiB", "accesses": 9},
}  # fmt: skip
REGIONS = {
    "metadata": {"memory": [{"kind": "slab", "cache": "dentry"}]},
    "writer": {"memory": [{"kind": "file", "disk": "hdd", "access": "read"}]},
}
LOOP = {"kind": "loop", "size": "1MiB", "accesses": 9}
DISKS = {
    "generic": {}, "hdd": {"seek_full": "1h"}, "usb": {}, "stripe": {"members": ["hdd"]},
    "nfs": {"link": "lan"}, "sata-ssd": {}, "optane": {}, "nvme": {}, "emmc": {}, "virtio": {},
}  # fmt: skip
SWAPS = {
    "partition": {"disk": "generic"},
    "zram": {},
    **{kind: {"link": "lan"} for kind in ("nbd", "nfs", "iscsi", "rdma")},
}
VALID: dict[str, Any] = {
    "experiment": "ranges",
    "kernel": "6.18",
    "machine": {
        "nodes": [{"memory": "1GiB"}, {"memory": "1GiB"}],
        "distance": [[10, 20], [20, 10]],
        "disks": {kind: {"kind": kind, **more} for kind, more in DISKS.items()},
        "links": {"lan": {"mtu": 1500}},
        "swap": {kind: {"kind": kind, "size": "1MiB", **more} for kind, more in SWAPS.items()},
        "devices": {kind: {"kind": kind} for kind in ("nic", "camera", "codec", "gpu", "legacy", "disk-controller")},
        "swiotlb": {"force": "auto"},
        "costs": {"syscall": "200ns"},
    },
    "vm": {"swappiness": 60},
    "cgroups": {"box": {"max": "64MiB"}},
    "slab": {"dentry": {"object": "192B"}},
    "tasks": {
        "anon": {"stream": LOOP, "mempolicy": {"mode": "weighted-interleave", "nodes": [0], "weights": [1]}},
        "file": {"stream": LOOP, "memory": [{"kind": "file", "disk": "hdd", "access": "read"}]},
        "slab": {"stream": LOOP, "memory": [{"kind": "slab", "cache": "dentry"}]},
        **{
            f"of-{kind}": {"stream": {"kind": kind, **params}, **REGIONS.get(kind, {})}
            for kind, params in STREAMS.items()
        },
    },
    "sampling": {"every": "10ms"},
    "duration": "10us",
    "replicates": {"min": 10, "max": 10_000, "until": {"metric": "misses", "half_width": "2%"}},
    "report": {"tables": [{"name": "t", "metrics": ["misses"]}]},
}
"""A configuration with every record in it, of every kind."""


@dataclass(frozen=True)
class Ranged:
    """A value of a configuration that a type bounds."""

    path: tuple[str | int, ...]
    bounds: Bounds
    whole: bool
    record: type

    def __str__(self) -> str:
        return ".".join(map(str, self.path))

    def outside(self) -> Iterator[Any]:
        """The nearest values that are refused."""
        limits, step = self.bounds, self.step()
        if limits.least is not None and (limits.least or not limits.unit):
            yield limits.least if (limits.gt is not None) else limits.least - step
        if limits.most is not None:
            yield limits.most if (limits.lt is not None) else limits.most + step
        if limits.multiple_of:
            yield (limits.least or 0) + limits.multiple_of + 1

    def inside(self) -> Iterator[Any]:
        """The nearest values that are taken."""
        limits, step = self.bounds, self.step()
        if limits.least is not None:
            least = limits.least + step * (limits.gt is not None)
            yield math.ceil(least / limits.multiple_of) * limits.multiple_of if limits.multiple_of else least
        if limits.most is not None:
            yield limits.most - step * (limits.lt is not None)

    def step(self) -> Any:
        """The least difference of two values."""
        return (self.bounds.multiple_of or 1) if self.whole else 1e-3

    def written(self, value: Any) -> Any:
        """A value as it stands in a file."""
        suffix = {"bytes": "B", "ns": "ns", "bytes/s": "B/s"}.get(self.bounds.unit)
        if self.bounds.unit == "ratio":
            return f"{value * 100:.9g}%"
        return value if suffix is None else f"{value}{suffix}"


def ranged() -> list[Ranged]:
    """Every bounded number of every type that a configuration can hold, at one place each."""
    roots = {"replicates": Replicates, "report": ReportBlock}
    found = [
        each
        for name, hint in hints(Cell).items()
        if name in VALID
        for each in _below(VALID.get(name), hint, (name,), Cell)
    ]
    found += [each for name, root in roots.items() for each in _below(VALID[name], root, (name,), root)]
    for kind in STREAMS:
        params = workloads.params_type(kind)
        found += _below(VALID["tasks"][f"of-{kind}"]["stream"], params, ("tasks", f"of-{kind}", "stream"), params)
    once = {(each.record, each.path[-1] if isinstance(each.path[-1], str) else each.path[-2]): each for each in found}
    return list(once.values())


def _below(value: Any, hint: Any, path: tuple[str | int, ...], record: type) -> Iterator[Ranged]:
    for arm in arms(hint):
        kind, limit = bare(arm), bounds(arm)
        if is_family(kind) and isinstance(value, dict):
            kind = kinds(kind)[value["kind"]]
        if is_dataclass(kind) and isinstance(value, dict):
            for name, inner in hints(kind).items():
                if (kind, name) in DATED:
                    yield Ranged((*path, name), limits(kind, name)[0], True, kind)
                else:
                    yield from _below(value.get(name), inner, (*path, name), kind)
        elif get_origin(kind) is tuple and isinstance(value, list):
            for index, part in enumerate(value):
                yield from _below(part, get_args(kind)[0], (*path, index), record)
        elif get_origin(kind) is dict and isinstance(value, dict):
            for key, part in value.items():
                yield from _below(part, get_args(kind)[1], (*path, key), record)
        elif kind in (int, float) and (limit.least is not None or limit.most is not None):
            yield Ranged(path, limit, kind is int, record)


def put(tree: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The tree, of records or of plain data, with another value at a path."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if is_dataclass(tree):
        assert isinstance(first, str) and not isinstance(tree, type)
        return dataclasses.replace(tree, **{first: put(getattr(tree, first), rest, value)})
    if isinstance(tree, dict):
        return {**tree, first: put(tree.get(first), rest, value)}
    assert isinstance(first, int)
    return type(tree)(put(part, rest, value) if index == first else part for index, part in enumerate(tree))
