"""A kill that was written down, with names for its rows."""

from functools import cached_property
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.model.eras import era
from mmrun.model.machine.built import Built
from mmrun.model.mm.limits.state import oom_pages, oom_tasks, oom_zones, ooms
from mmrun.model.mm.memcg.place import described
from mmrun.model.mm.page.mempolicy import MODE_BIND
from mmrun.model.mm.task.state import NOBODY, tasks
from mmrun.model.units import PAGE


@frozen
class Kill:
    """The `number`-th kill of a run."""

    built: Built
    number: int

    @cached_property
    def noted(self) -> Any:
        """What was written down of it."""
        return ooms(self.built.memory.m)[self.number]

    @property
    def tasks(self) -> Any:
        """Rows of the tasks at that moment."""
        return oom_tasks(self.built.memory.m)[self.number]

    @property
    def pages(self) -> Any:
        """Rows of the zones: pages of the group at its limit, or of all, by what they are."""
        return oom_pages(self.built.memory.m)[self.number, len(self.zones) :]

    @property
    def all_pages(self) -> Any:
        """Rows of the zones: pages of all, by what they are."""
        return oom_pages(self.built.memory.m)[self.number, : len(self.zones)]

    @property
    def zones(self) -> Any:
        """Rows of the zones: free pages, and all on their lists."""
        return oom_zones(self.built.memory.m)[self.number]

    @property
    def version(self) -> str:
        """Which Linux prints it."""
        return era(self.built.cell.kernel).version

    @property
    def unified(self) -> bool:
        """Whether groups are those of cgroup v2."""
        return self.built.cell.cgroup_version == "v2"

    @property
    def names(self) -> list[str]:
        """Names of the tasks by number."""
        return self.built.tasks

    @property
    def asker(self) -> int:
        """The task that found no memory; NOBODY for a daemon."""
        return int(self.noted.asker)

    @property
    def victim(self) -> int:
        """The task that was killed; NOBODY when there was none."""
        return int(self.noted.victim)

    @property
    def over(self) -> int:
        """The group at its limit; 0: the machine."""
        return int(self.noted.over)

    @property
    def page(self) -> int:
        """Bytes of a page."""
        return PAGE

    @property
    def asker_name(self) -> str:
        """Who asks for memory."""
        if self.asker != NOBODY:
            return self.names[self.asker]
        return f"kswapd{int(self.noted.node)}" if self.noted.node < len(self.built.cell.machine.nodes) else "sh"

    @property
    def asker_adj(self) -> int:
        """oom_score_adj of who asks."""
        return 0 if self.asker == NOBODY else self.adj(self.asker)

    def adj(self, t: int) -> int:
        """oom_score_adj of a task."""
        return int(tasks(self.built.memory.m)[t].oom_score_adj)

    def size(self, t: int) -> int:
        """Pages of a task's address space."""
        return int(tasks(self.built.memory.m)[t].npages)

    def cpu(self, t: int) -> int:
        """The CPU of a task."""
        return int(tasks(self.built.memory.m)[t].cpu)

    def held(self, t: int) -> int:
        """Pages that killing a task would free."""
        row = self.tasks[t]
        return int(row.anon + row.file + row.swapents + row.tables)

    @property
    def living(self) -> list[int]:
        """Tasks that had an address space, in the group at its limit."""
        return [t for t in range(len(self.names)) if self.tasks[t].lives]

    @property
    def score(self) -> int:
        """The victim's points in thousandths of the whole."""
        if era(self.built.cell.kernel).flags["oom_per_mille"]:
            return int(self.noted.points)
        return int(self.noted.points) * 1000 // int(self.noted.total)

    def kb(self, pages: Any) -> int:
        """Pages as kB."""
        return int(pages) * (PAGE >> 10)

    @property
    def all_nodes(self) -> str:
        """Every node of the machine, as a list of ranges."""
        return ranges(list(range(len(self.built.cell.machine.nodes))))

    @property
    def nodemask(self) -> str:
        """The nodes that memory was asked of, if the task's policy binds it."""
        m = self.built.memory.m
        if self.over or self.asker == NOBODY or tasks(m)[self.asker].mode != MODE_BIND:
            return "(null)"
        mask = int(tasks(m)[self.asker].mask)
        return ranges([node for node in range(len(self.built.cell.machine.nodes)) if mask >> node & 1])

    def path(self, group: int) -> str:
        """Where a group is among all groups."""
        if group == 0:
            return "/"
        known, parts, name = described(self.built.cell), list[str](), self.built.cgroups[group]
        while name:
            parts.append(name)
            name = known[name].parent or ""
        return "/" + "/".join(reversed(parts))


def ranges(numbers: list[int]) -> str:
    """Numbers in order, as the kernel prints a bitmap: 0-2,5."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)
