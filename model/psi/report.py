"""What is told of pressure: of the machine and of `cgroup.<name>`, in sum or as the worst of a group's copies."""

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.place import copies
from mmrun.model.psi.averages import FIXED_1, FSHIFT
from mmrun.model.psi.settings import KINDS, WINDOWS, name_of
from mmrun.model.psi.state import CPU_FULL


def sampled(built: Built) -> dict[str, int]:
    """Totals in ns, averages in hundredths of a per cent as the kernel prints them; none before 4.20."""
    groups = built.memory.table("psi_groups")
    if not len(groups):
        return {}
    first, found = {name: i for i, name in enumerate(built.cgroups)}, _of("", groups[:1])
    for kind in ("ns", *(f"avg{s}" for s in WINDOWS)):
        found[name_of(list(KINDS)[CPU_FULL], kind)] = 0  # printed as 0: the machine as a whole always runs somebody
    for name, group in built.cell.cgroups.items():
        found |= _of(f"cgroup.{name}.", groups[[first[copy] for copy in copies(name, group.count)]])
    return found


def _of(prefix: str, groups: np.ndarray) -> dict[str, int]:
    found, averages = {}, groups["avg"].reshape(len(groups), len(KINDS), len(WINDOWS)).max(axis=0)
    hundredths = (averages >> FSHIFT) * 100 + ((averages & (FIXED_1 - 1)) * 100 >> FSHIFT)
    for s, kind in enumerate(KINDS):
        found[prefix + name_of(kind, "ns")] = int(groups["total"][:, s].sum())
        found |= {prefix + name_of(kind, f"avg{w}"): int(hundredths[s, i]) for i, w in enumerate(WINDOWS)}
    return found
