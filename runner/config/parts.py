"""What the tree of one cell is read into, before it is a cell."""

from dataclasses import dataclass
from typing import Literal

from mmrun.model.description import Cgroup, Entry, Machine, Sampling, SlabCache, Sysctl, Task, Variant


@dataclass
class Parts:
    """What a tree was read into, each part None where it has errors."""

    kernel: str | None
    machine: Machine | None
    vm: Sysctl | None
    cgroups: dict[str, Cgroup] | None
    cgroup_version: Literal["v1", "v2"] | None
    slab: dict[str, SlabCache] | None
    tasks: dict[str, Task] | None
    policy: dict[str, Variant] | None
    timeline: tuple[Entry, ...] | None
    sampling: Sampling | None
    duration: int | None
    seed: str

    def whole(self) -> bool:
        """Whether every part could be read."""
        parts = (
            self.kernel, self.machine, self.vm, self.policy, self.sampling, self.cgroups, self.slab, self.tasks,
            self.timeline,
        )  # fmt: skip
        entries = (*(self.cgroups or {}).values(), *(self.slab or {}).values(), *(self.tasks or {}).values())
        return all(part is not None for part in (*parts, *entries))
