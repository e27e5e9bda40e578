"""What is told of idle pages: memory.idle_page_stats."""

from mmrun.model import registry
from mmrun.model.machine.built import Built
from mmrun.model.mm.idle.idle_stats import BOUNDS, CLASSES, idle_name
from mmrun.model.mm.memcg.place import copies
from mmrun.model.units import PAGE


def metrics(built: Built) -> dict[str, int]:
    """memory.idle_page_stats of the machine and of `cgroup.<name>` by the last whole scan, if a scanner keeps ages."""
    chosen = built.cell.policy["idle"]
    if registry.variant_info("idle", chosen.variant, chosen.file).keeps != "ages":
        return {}
    rows, found = built.memory.table("idle_stats")["by_class"], {}
    pages = rows.reshape(len(built.cgroups), -1, len(CLASSES), len(BOUNDS)).sum(axis=1)  # group, class, bucket
    idle = pages[:, :, ::-1].cumsum(axis=2)[:, :, ::-1] * PAGE
    first = {name: i for i, name in enumerate(built.cgroups)}
    groups = {f"cgroup.{name}.": [first[copy] for copy in copies(name, group.count)]
              for name, group in built.cell.cgroups.items()}  # fmt: skip
    for prefix, numbers in {"": list(first.values()), **groups}.items():
        for b, bound in enumerate(BOUNDS):
            for kind, name in enumerate(CLASSES):
                found[prefix + idle_name(bound, name)] = int(idle[numbers, kind, b].sum())
    return found
