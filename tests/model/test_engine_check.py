"""Conservation is checked by laws that can fail: a corrupted machine breaks the law that was meant for it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from mmrun.model import api, check
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Cgroup, Disk, Region, SwapTarget
from mmrun.model.machine.state import cpus, progress
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.state import pcps, zones
from mmrun.model.mm.task.state import PTE_PRESENT, PTE_SHIFT
from mmrun.model.units import MiB
from tests.model.cells import ANON, given, machine, mapped_frame, on_list, reads, run, writes


@pytest.fixture(scope="module")
def whole() -> Built:
    """A machine with pages in every place the laws speak of."""
    host = machine(32, disks={"d": Disk()}, swap={"s": SwapTarget(kind="partition", size=8 * MiB, disk="d")})
    file, anon = Region(kind="file", file="f", disk="d", size=2 * MiB), Region()
    tasks = {"a": given(file, ANON, cgroup="g"), "b": given(file, anon)}
    events = np.concatenate([reads(range(512)), writes(range(512, 1400)), reads(range(512, 700)), writes(range(40))])
    cell = Cell(kernel="6.18", machine=host, tasks=tasks, cgroups={"g": Cgroup(max=3 * MiB)})
    return run(cell, {"a": events, "b": events[:600]}).built


@pytest.fixture
def built(whole: Built) -> Iterator[Built]:
    """The machine, put right again afterwards."""
    record = whole.memory.record.view(np.uint8).copy()
    tables = {name: table.copy() for name, table in whole.memory.tables.items()}
    yield whole
    whole.memory.record.view(np.uint8)[:] = record
    for name, table in tables.items():
        whole.memory.tables[name][:] = table


def frames(built: Built) -> np.ndarray:
    return built.memory.table("frames")


def lruvec(built: Built, lru: int) -> int:
    """A lruvec whose list `lru` holds pages."""
    sizes = built.memory.table("lruvecs")["lists"]["n"][:, lru]
    return int(np.argmax(sizes))


def tail(built: Built, lru: int) -> int:
    return on_list(built, lruvec(built, lru), lru)[-1]


def swapped_words(built: Built) -> np.ndarray:
    words = built.memory.table("pte")
    return np.flatnonzero((words != 0) & (words & PTE_PRESENT == 0))


def free_block(built: Built) -> int:
    heads = zones(built.memory.m)[0].areas["head"]
    return int(heads[heads != NONE][0])


def bump(table: str, field: str, row: int = 0) -> Callable[[Built], None]:
    def corrupt(built: Built) -> None:
        rows = built.memory.table(table)
        rows[row][field] += 1

    return corrupt


def zone_free(built: Built) -> None:
    zones(built.memory.m)[0].nr_free -= 1


def area_count(built: Built) -> None:
    areas = zones(built.memory.m)[0].areas
    order, kind = np.argwhere(areas["nr_free"] > 1)[0]
    areas[order, kind].nr_free -= 1


def block_mark(built: Built) -> None:
    frames(built)[free_block(built)].state = 0


def pcp_count(built: Built) -> None:
    cpu, z = np.argwhere(pcps(built.memory.m)["count"] > 0)[0]
    pcps(built.memory.m)[cpu, z].count += 1


def list_count(built: Built) -> None:
    built.memory.table("lruvecs")[lruvec(built, 0)].lists[0].n += 1


def list_cycle(built: Built) -> None:
    page = tail(built, 0)
    frames(built)[page].next = built.memory.table("lruvecs")[lruvec(built, 0)].lists[0].head


def forgotten_list(built: Built) -> None:
    page = frames(built)[tail(built, 0)]
    page.state &= ~state.LRU
    page.kind = 0
    built.memory.table("memcgs")["usage"][page.memcg] -= 1


def wrong_list(built: Built) -> None:
    frames(built)[tail(built, 0)].state |= state.ACTIVE


def other_group(built: Built) -> None:
    page = frames(built)[tail(built, 0)]
    usage = built.memory.table("memcgs")["usage"]
    usage[page.memcg] -= 1
    page.memcg = 1 - page.memcg
    usage[page.memcg] += 1


def twice(built: Built) -> None:
    cpu = cpus(built.memory.m)[0]
    cpu.pfn[int(cpu.n)] = tail(built, 0)
    cpu.n += 1


def nowhere(built: Built) -> None:
    table = frames(built)[int(np.flatnonzero(frames(built)["state"] & state.KERNEL)[0])]
    table.state &= ~state.KERNEL
    table.kind = 0


def lost_kernel_page(built: Built) -> None:
    kernel = np.flatnonzero(frames(built)["state"] & state.KERNEL)[0]
    frames(built)[kernel].state = frames(built)[kernel].kind = 0


def present(built: Built) -> int:
    return int(np.flatnonzero(built.memory.table("pte") & PTE_PRESENT)[-1])


def lost_mapping(built: Built) -> None:
    built.memory.table("pte")[present(built)] = 0


def other_owner(built: Built) -> None:
    frame = mapped_frame(built, int(built.memory.table("tasks")[1].npages) - 1, 1) or mapped_frame(built, 1399)
    assert frame is not None
    frames(built)[frame].owner += 1


def lost_slot(built: Built) -> None:
    word = swapped_words(built)[0]
    built.memory.table("swapmap")[(built.memory.table("pte")[word] >> PTE_SHIFT) - 1] = 0


def shared_slot(built: Built) -> None:
    first, second = swapped_words(built)[:2]
    built.memory.table("pte")[first] = built.memory.table("pte")[second]


def leaked_slot(built: Built) -> None:
    word = next(
        at
        for at in swapped_words(built)
        if built.memory.table("swapcache")[(built.memory.table("pte")[at] >> 3) - 1] <= 0
    )
    built.memory.table("pte")[word] = 0


def exchanged_cache(built: Built) -> None:
    entries = built.memory.table("cache")
    first, second = np.flatnonzero(entries > 0)[:2]
    entries[first], entries[second] = entries[second], entries[first]


def lost_cache(built: Built) -> None:
    entries = built.memory.table("cache")
    entries[np.flatnonzero(entries > 0)[0]] = 0


LAWS = [
    (zone_free, "zone 0 counts"),
    (area_count, "a list that counts"),
    (block_mark, "is not marked as one"),
    (pcp_count, "per-CPU lists of .* miscount pages"),
    (list_count, "a list of lruvec .* miscounts"),
    (list_cycle, "a list that counts"),
    (forgotten_list, "does not know it"),
    (wrong_list, "on the wrong list"),
    (other_group, "holds another group's page"),
    (twice, "is in 2 places"),
    (nowhere, "is in 0 places|pagetables of groups"),
    (lost_kernel_page, "is in 0 places|pagetables of groups"),
    (lost_mapping, "wrong mapcount"),
    (other_owner, "an anonymous page has another owner"),
    (lost_slot, "names a free swap slot"),
    (shared_slot, "two page-table words name one swap slot"),
    (leaked_slot, "neither a page-table word nor a cached page"),
    (exchanged_cache, "does not know its slot"),
    (lost_cache, "is not in the cache table"),
    (bump("swaps", "used"), "swap slots miscounted"),
    (bump("zones", "nr_file", 1), "file pages miscounted"),
    (bump("zones", "nr_mapped", 1), "nr_mapped counts"),
    (bump("memcgs", "usage", 1), r"groups \[1\] are charged"),
    (bump("memcgs", "kmem", 0), r"groups \[0\] are charged"),
]


def test_the_machine_is_right_to_begin_with(built: Built):
    assert len(swapped_words(built)) > 1
    check.verify(built)


@pytest.mark.parametrize(("corrupt", "law"), LAWS, ids=[f"{i}-{law}" for i, (_, law) in enumerate(LAWS)])
def test_each_law_complains(built: Built, corrupt: Callable[[Built], None], law: str):
    corrupt(built)
    with pytest.raises(check.Violation, match=law):
        check.verify(built)


def test_a_run_stops_at_the_first_violation(monkeypatch: pytest.MonkeyPatch):
    """The check runs with the cell, not only at its end."""
    seen = []

    def verify(built: Built) -> None:
        seen.append(int(progress(built.memory.m).accesses))
        raise check.Violation("for the test")

    monkeypatch.setattr(api.conservation, "verify", verify)
    cell = Cell(kernel="6.18", machine=machine(16), tasks={"t": given()})
    with pytest.raises(check.Violation, match="for the test"):
        run(cell, writes(range(100)))
    assert seen == [0]


def test_a_broken_invariant_inside_the_kernels_is_an_error(monkeypatch: pytest.MonkeyPatch):
    """A swap slot freed behind the kernels' back: the engine stops and the run raises instead of answering."""

    def spoil(built: Built) -> None:
        lost_slot(built)

    from mmrun.model.description import Sampling

    host = machine(16, swap={"s": SwapTarget(kind="zram", size=8 * MiB)})
    cell = Cell(kernel="6.18", machine=host, tasks={"t": given()}, sampling=Sampling(accesses=4800))
    with pytest.raises(api.ModelError, match="freed twice"):
        run(cell, np.tile(writes(range(4800)), 2), probe=spoil, check=False)
