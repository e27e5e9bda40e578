"""Random experiments over the whole vocabulary, small enough to run in a blink: every era, variant, device, workload.

`experiment(number, trace)` is the same for the same number. Many are no valid cells, as nobody's first try is; what
`check` says of them is for the tests to see.
"""

import random
from typing import Any

from mmrun.model import registry
from mmrun.model.eras import era, names

ERAS = list(registry.eras())
AXES = {axis: list(registry.variants(axis).items()) for axis in registry.axes()}
PAIRS = [(axis, name) for axis, found in AXES.items() for name, _ in found]
REQUESTS = ("hog", "pinner", "driver", "camera")  # streams of more than accesses
KEPT = ("all", "none", "e4", "r30", "h100")
UNITS = {"bytes": "B", "ns": "ns", "bytes/s": "B/s"}


class Dice(random.Random):
    """Draws parts of an experiment; recordings are of the file `trace`."""

    trace = ""

    def some(self, share: float, **given: Any) -> dict[str, Any]:
        """Each key with probability `share`, with one of its values."""
        return {key: self.choice(values) for key, values in given.items() if self.random() < share}

    def variant(self, axis: str, name: str) -> Any:
        """A variant, half of them with some parameters changed."""
        params = dict(AXES[axis])[name].params
        if not params or self.random() < 0.5:
            return name
        return {"variant": name} | {key: self.param(each) for key, each in params.items() if self.random() < 0.4}

    def param(self, param: Any) -> Any:
        """A value for a parameter, within its range or at its edge."""
        if isinstance(param.default, bool):
            return self.choice((True, False))
        value = self.choice((param.default, max(1, param.default // 10), param.default * 3 + 1, 1, 0))
        value = max(value, param.least) if param.least is not None else value
        value = min(value, param.most) if param.most is not None else value
        return f"{value}{UNITS[param.unit]}" if param.unit in UNITS else value

    def machine(self, nodes: int) -> dict[str, Any]:
        """Nodes, some without CPUs; a disk of each kind, a link, perhaps swap and odd costs."""
        made: dict[str, Any] = {"nodes": [self.node(number) for number in range(nodes)]}
        if self.random() < 0.3:
            far = (11, 20, 31, 254)
            made["distance"] = [[10 if i == j else self.choice(far) for j in range(nodes)] for i in range(nodes)]
        made["disks"] = {
            "g": {"kind": "generic"} | self.some(0.15, parallel=(1, 16, 4096), read_latency=("0ns", "1s"),
                                                  size=("256MiB", "800GB"), allocation=("xfs", "ext4", "btrfs", "ext3"),
                                                  writepage=("kswapd", "ignores"), min_ratio=(0, 10),
                                                  max_ratio=(100, 20), strictlimit=(True,)),
            "h": {"kind": "hdd"} | self.some(0.2, scheduler=("noop", "deadline"), parallel=(1, 128)),
            "u": {"kind": "usb"} | self.some(0.2, open_blocks=(1, 8), erase_block=("4KiB", "1MiB")),
            "f": {"kind": self.choice(("sata-ssd", "optane"))},
            "n": {"kind": "nfs", "link": "lan"} | self.some(0.5, server=("h", "g")),
            "s": {"kind": "stripe", "members": ["g", "h"]} | self.some(0.3, chunk=("4KiB", "1MiB")),
        }  # fmt: skip
        for name in "ghuf":
            if self.random() < 0.25 and "allocation" not in made["disks"][name]:
                made["disks"][name]["file_system"] = self.file_system()
        if self.random() < 0.15:
            made["disks"]["h"] |= {"fail_from": "1ms"} | self.some(0.5, fail_until=("500ms",))
        if self.random() < 0.15:
            made["disks"]["u"] |= {"stall_from": "1ms", "stall_until": "800ms"}
        made["links"] = {
            "lan": {"mtu": 1500} | self.some(0.5, bandwidth=("10Gbit/s", "1Mbit/s"), rtt=("0ns", "40us", "100ms"))
        }
        areas = {
            "p": {"kind": "partition", "disk": self.choice("ghusf"), "size": self.choice(("4KiB", "1MiB", "32MiB"))},
            "z": {"kind": "zram", "size": self.choice(("1MiB", "64MiB")),
                  "compression_ratio": self.choice((1.0, 3.0, 1000.0))},
            "b": {"kind": "nbd", "link": "lan", "disk": self.choice("gh"), "size": "32MiB"},
            "nf": {"kind": "nfs", "link": "lan", "size": "16MiB"},
            "i": {"kind": "iscsi", "link": "lan", "size": "16MiB"},
        }  # fmt: skip
        chosen = self.sample(list(areas), self.choice((0, 0, 1, 1, 2, 3)))
        if chosen:
            made["swap"] = {name: areas[name] | self.some(0.3, priority=range(-2, 9)) for name in chosen}
        if self.random() < 0.3:
            made["cma"] = {"video": {"size": self.choice(("4MiB", "8MiB"))} | self.some(0.2, node=(0, 1))}
        if self.random() < 0.2:
            costs = ("swap_path", "scan_page", "io_path", "minor_fault_anon", "lru_lock", "context_switch")
            made["costs"] = {self.choice(costs): self.choice(("0ns", "1us", "1ms"))}
        rare = {"hz": (100, 250, 1000), "tlb_flush": ("1us", "10ms"), "pci_hole": ("4KiB", "1GiB")}
        return made | self.some(0.15, **rare, background_switch=("0ns", "1us", "10ms"))

    def file_system(self) -> dict[str, Any]:
        """A file system, mostly one with a journal."""
        kind = self.choice(("none", "ext3", "ext4", "ext4"))
        own = self.some(0.2, stable_writes=(True,))
        if kind == "none":
            return own | {"kind": kind}
        return own | {"kind": kind} | self.some(
            0.3, journal=("4MiB", "16MiB"), data=("writeback",), commit=("100ms", "1s", "30s"), barrier=(True, False),
            delalloc=(False,),
        )  # fmt: skip

    def node(self, number: int) -> dict[str, Any]:
        """A node; the first has CPUs."""
        cpus = self.choice((1, 2, 4, 16)) if number == 0 or self.random() < 0.8 else 0
        memory = self.choice(("16MiB", "16MiB", "20MiB", "32MiB", "64MiB"))
        return {"cpus": cpus, "memory": memory} | self.some(
            0.2, latency=("50ns", "0ns", "500ns", "1ms"), bandwidth=("80GB/s", "1GB/s")
        )

    def stream(self) -> dict[str, Any]:
        """What a task does, a few thousand events at most."""
        accesses = self.choice((1, 10, 500, 3000, 8000))
        size = self.choice(("4KiB", "1MiB", "16MiB", "30MiB", "60%", "100%", "10%"))
        plain = {"accesses": accesses} | self.some(0.6, write_fraction=(0.0, 0.3, 1.0))
        kind = self.choice(
            ("loop", "zipf", "uniform", "walk", "scan", "phases", "writer", "build", "metadata", "trace", *REQUESTS)
        )
        own: dict[str, dict[str, Any]] = {
            "loop": {"size": size} | plain, "uniform": {"size": size} | plain, "walk": {"size": size} | plain,
            "zipf": {"size": size} | plain | self.some(0.6, exponent=(0.0, 0.5, 1.0, 3.0), permute=(True, False)),
            "scan": {"hot": self.choice(("4KiB", "4MiB")), "size": "30MiB"} | plain
            | self.some(0.5, scan_fraction=(0.0, 0.2, 1.0), burst=(1, 64)),
            "phases": {"size": "30MiB", "working_set": self.choice(("4KiB", "8MiB")), "phase": self.choice((1, 1000))}
            | plain | self.some(0.5, overlap=(0.0, 0.5, 1.0), sweep=(True, False)),
            "writer": {"size": self.choice(("1MiB", "40MiB", "100MiB")), "accesses": accesses}
            | self.some(0.5, writes_per_page=(1, 4), fsync_every=(0, 1, 100), read_fraction=(0.0, 0.5)),
            "build": {"jobs": self.choice((1, 3)), "heap": "2MiB", "tools": "1MiB", "headers": "1MiB",
                      "included": "128KiB", "source": "40KiB", "object": "64KiB", "reuse": self.choice((1, 3))},
            "metadata": {"objects": self.choice((1, 1000, 9000)), "accesses": accesses}
            | self.some(0.4, pattern=("walk", "zipf"), transaction_fraction=(0.0, 0.5), unlink_fraction=(0.0, 0.1),
                        mount_every=(0, 1, 100), mount_hold=("1ns", "5ms")),
            "trace": {"path": self.trace},
            "hog": {"size": self.choice(("1MiB", "12MiB", "40MiB")), "keep": self.choice(KEPT)},
            "pinner": {"size": self.choice(("1MiB", "6MiB")), "pin": self.choice(KEPT)}
            | self.some(0.5, longterm=(True,), hold=("1us", "10ms")),
            "driver": {"count": self.choice((1, 100, 2000)), "order": self.choice((0, 0, 1, 3, 5, 9, 10))}
            | self.some(0.5, type=("movable", "reclaimable"), period=("1us", "1ms"), marked=(True,),
                        effort=("noretry", "retry-mayfail", "nowait", "atomic", "none")),
            "camera": {"frame": self.choice(("4KiB", "100KiB", "1MiB", "6MiB"))}
            | self.some(0.5, buffers=(1, 9), sessions=(3, 20), runs=("0ns", "20ms"), pause=("0ns", "10ms")),
        }  # fmt: skip
        return {"kind": kind} | own[kind]

    def regions(self, stream: dict[str, Any]) -> list[dict[str, Any]] | None:
        """An address space that may suit the stream."""
        kind = stream["kind"]
        if kind == "metadata":
            return [{"kind": "slab", "cache": "den"} | self.some(0.5, disk=("g", "h"), file=("fs",))]
        if kind == "build":
            read = {"kind": "file", "access": "read", "disk": "g"}
            sources = f"{40 * stream['jobs']}KiB"
            return [{"size": "2MiB"}, {"kind": "file", "file": "tools", "size": "1MiB", "disk": "g"},
                    read | {"file": "hdr", "size": "1MiB"}, read | {"size": sources}, read]  # fmt: skip
        if kind in REQUESTS:
            return None
        if kind == "writer" or self.random() < 0.5:
            return [self.file()]
        if self.random() < 0.3:
            slab = {"kind": "slab", "cache": self.choice(("den", "ino")), "objects": self.choice((1, 200))}
            return [self.choice(({"kind": "anon", "size": "4KiB"}, slab)), self.file()]
        if self.random() < 0.2:
            return [self.file(), {"size": "12KiB", "touched_every": self.choice((1, 100))}]
        return None

    def file(self) -> dict[str, Any]:
        """A region of a file."""
        made = {"kind": "file", "access": self.choice(("mmap", "read"))} | self.some(
            0.8, disk=("g", "h", "u", "n", "s", "f")
        )
        made |= self.some(0.2, readahead=("0KiB", "4KiB", "128KiB", "2MiB"), fault_around=("4KiB", "2MiB"),
                          file=("f1", "f2"), advice=("normal", "random", "sequential"))  # fmt: skip
        if "disk" in made:
            made |= self.some(0.2, sparse=(True,), fragment=("4KiB", "64KiB"))
        return made | (self.some(0.2, file_size=("256KiB", "1MiB")) if made["access"] == "read" else {})

    def task(self, nodes: int, cpus: list[int], groups: list[str]) -> dict[str, Any]:
        """A task with its copies, group, policy."""
        stream = self.stream()
        made: dict[str, Any] = {"stream": stream, "node": self.choice(cpus)}
        if memory := self.regions(stream):
            made["memory"] = memory
        made |= self.some(0.2, count=(2, 5, 20), think=("1ns", "10us"), start=("1ns", "10ms", "1s"), nofs=(True,),
                          stays=(True,), nice=(-20, 0, 19))  # fmt: skip
        if groups and self.random() < 0.7:
            made["cgroup"] = self.choice(groups)
        if self.random() < 0.4:
            mode = self.choice(("local", "bind", "preferred", "interleave", "preferred-many", "weighted-interleave"))
            where: list[Any] = [[self.randrange(nodes)]] + ["remote"] * (nodes > 1) + ["all"] * (mode != "preferred")
            made["mempolicy"] = {"mode": mode} | ({"nodes": self.choice(where)} if mode != "local" else {})
        return made

    def groups(self) -> dict[str, Any]:
        """Up to three kinds of groups, nested or not."""
        made: dict[str, Any] = {}
        for name in ("a", "b", "c")[: self.choice((1, 2, 3))]:
            own = self.some(
                0.25, count=(1, 3, 20), max=("256KiB", "4MiB", "20%"), high=("4KiB", "4MiB"), low=("1MiB", "4MiB"),
                min=("1MiB", "4KiB"), soft_limit=("0B", "1MiB"), swap_max=("0B", "1MiB"), swappiness=(0, 100),
                stat_read_every=(0, 1, 500),
            )  # fmt: skip
            if made and self.random() < 0.3 and made["a"].get("count", 1) == 1:
                own["parent"] = "a"
            made[name] = own or {"low": "1MiB"}
        return made

    def timeline(self, groups: list[str], kernel: str) -> list[dict[str, Any]]:
        """What changes along the run, in order."""
        times = sorted(self.choice((0, 1, 5, 20, 100, 300, 900)) for _ in range(self.choice((1, 2, 4, 8))))
        return [{"at": f"{at}ms"} | self.action(groups, kernel) for at in times]

    def action(self, groups: list[str], kernel: str) -> dict[str, Any]:
        """What one entry does; a third of the kernel's that have it have groups to do it to."""
        vm = self.some(0.3, swappiness=(0, 1, 100), min_free_kbytes=(1, 64, 2000, 8000), page_cluster=(0, 5),
                       dirty_ratio=(0, 1, 50), dirty_background_bytes=("4KiB", "4MiB"), vfs_cache_pressure=(0, 1000),
                       dirty_writeback_centisecs=(0, 1, 500), zone_reclaim_mode=(0, 7))  # fmt: skip
        plain = self.choice(({"drop_caches": self.choice((1, 2, 3))}, {"set": {"vm": vm}} if vm else {"compact": 1}))
        if not groups or self.random() < 0.3:
            return plain
        group, flags = self.choice(groups), era(kernel).flags
        limits = (
            self.some(
                0.5,
                max=("256KiB", "2MiB", "max"),
                low=("0B", "1MiB"),
                high=("4KiB", "1MiB", "max"),
                swap_max=("0B", "1MiB"),
            )
            if flags["cgroup2_by_default"]
            else {"max": self.choice(("512KiB", "max"))}
        )
        reclaim = {"reclaim": {"cgroup": group, "size": self.choice(("4KiB", "2MiB"))}}
        return self.choice((
            {"set": {"cgroups": {group: limits or {"max": "1MiB"}}}},
            reclaim if flags["memory_reclaim"] else {"remove": group}, {"remove": group},
        ))  # fmt: skip


def experiment(number: int, trace: str) -> dict[str, Any]:
    """A random experiment of one cell."""
    dice = Dice(number)
    dice.trace = trace
    kernel = ERAS[number % len(ERAS)] if dice.random() < 0.7 else dice.choice(names())
    nodes = dice.choice((1, 1, 2, 2, 3, 4))
    made: dict[str, Any] = {"experiment": f"random-{number}", "kernel": kernel, "machine": dice.machine(nodes)}
    cpus = [index for index, node in enumerate(made["machine"]["nodes"]) if node["cpus"]]
    if dice.random() < 0.7:
        axis, name = PAIRS[number * 7 % len(PAIRS)]
        made["policy"] = {axis: dice.variant(axis, name)}
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            axis = dice.choice(list(AXES))
            made["policy"].setdefault(axis, dice.variant(axis, dice.choice(AXES[axis])[0]))
    vm = dice.some(
        0.12, swappiness=(0, 1, 60, 100), zone_reclaim_mode=(0, 1, 7), min_free_kbytes=(1, 64, 2000, 8000),
        page_cluster=(0, 3, 10), dirty_ratio=(0, 1, 20, 100), dirty_background_ratio=(0, 10, 100),
        dirty_writeback_centisecs=(0, 1, 500), dirty_expire_centisecs=(0, 3000), vfs_cache_pressure=(0, 100, 1000),
        min_unmapped_ratio=(0, 1, 100), watermark_scale_factor=(1, 1000), numa_zonelist_order=("node", "zone"),
    )  # fmt: skip
    made |= {"vm": vm} if vm else {}
    if dice.random() < 0.45:
        made["cgroups"] = dice.groups()
    own = dice.some(0.3, batch=(1, 64), reclaimable=(False,), numa_aware=(False,), memcg_aware=(False,))
    made["slab"] = {
        "den": {"object": dice.choice(("8B", "192B", "4KiB")), "filesystem": True, "superblock": "x", "pins": "ino"},
        "ino": {"object": "600B", "filesystem": True, "superblock": "x", "seeks": dice.choice((0, 2, 2, 1000))} | own,
    }
    names_of_tasks = ("t0", "t1", "t2", "t3")[: dice.choice((1, 1, 2, 3, 4))]
    groups = list(made.get("cgroups", {}))
    made["tasks"] = {name: dice.task(nodes, cpus, groups) for name in names_of_tasks}
    used = any(each.get("kind") == "slab" for task in made["tasks"].values() for each in task.get("memory", []))
    if not used and dice.random() < 0.8:
        del made["slab"]
    if dice.random() < 0.4:
        made["sampling"] = dice.choice(
            ({"accesses": dice.choice((100, 5000))}, {"every": "100ms"}, {"every": "50ms", "cold_after": "2s"})
        )
    made["duration"] = dice.choice(("1ns", "10ms", "500ms", "2s", "5s"))
    if made["machine"].get("swap") and dice.random() < 0.3:
        front = dice.some(0.3, zswap_max_pool_percent=(0, 5, 60), zswap_zpool=("zbud", "zsmalloc"),
                          zswap_accept_threshold_percent=(0, 50, 100), zswap_shrinker_enabled=(True,))  # fmt: skip
        made["vm"] = made.get("vm", {}) | {"zswap": True} | front
        made["machine"] |= dice.some(0.6, zswap=({"compression_ratio": 1.2}, {"zero_filled": 0.5, "same_filled": 0.2},
                                                 {"incompressible": 1.0}, {"compression_ratio": 900}))  # fmt: skip
    if dice.random() < 0.4:
        made["timeline"] = dice.timeline(groups, kernel)
    return made
