"""What is told of a machine's death: that it died, when, and in a paragraph of what."""

from collections.abc import Iterator

import numpy as np

from mmrun.model.block.state import disks
from mmrun.model.hung_task import known_queues, net_queues
from mmrun.model.hung_task.names import disk_name
from mmrun.model.hung_task.state import ALIVE, DEADLOCK, life
from mmrun.model.hung_task.wait_graph import Sleeper, Words, grouped, sleepers
from mmrun.model.machine.built import Built
from mmrun.model.machine.numa import ZONE_NAMES
from mmrun.model.mm.page.flags import ANON, DIRTY, NET_PAGE, SWAPCACHE, USER, WRITEBACK
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.swap.state import swaps

MOST_NAMES = 4


def metrics(built: Built) -> dict[str, int]:
    """`died`, and when if it did."""
    own = life(built.memory.m)
    return {"died": int(own.cause != ALIVE)} | ({"died_ns": int(own.since)} if own.cause != ALIVE else {})


def death(built: Built) -> list[str]:
    """The sentences of the paragraph; none of a machine that lives."""
    own = life(built.memory.m)
    if own.cause == ALIVE:
        return []
    found = sleepers(built)
    told = [_how(built), *_chain(found)]
    if any(each.wait.memory for each in found):
        told.append(memory(built))
    return [*told, *_queues(built), *net_queues.cards(built)]


def waits(built: Built) -> dict[str, Words]:
    """For what one waits in the queues there are, in words, by `table.field`."""
    return known_queues.waits(built) | net_queues.waits(built)


def _how(built: Built) -> str:
    own = life(built.memory.m)
    if own.cause == DEADLOCK:
        return f"The machine died at {seconds(int(own.since))}: everybody waits for what nobody is left to do."
    return (
        f"The machine died at {seconds(int(own.since))}: in {seconds(int(own.found - own.since))} since then no task "
        "got anywhere, and nothing was read, written or reclaimed."
    )


def _chain(found: list[Sleeper]) -> Iterator[str]:
    """A sentence for those who wait alike: tasks first, each followed by those who would have to end it."""
    groups = grouped(found)
    of = {each.who: group for group in groups for each in group}
    told: list[list[Sleeper]] = []

    def follow(group: list[Sleeper]) -> Iterator[str]:
        told.append(group)
        yield _sentence(group, told, of)
        for ender in group[0].wait.enders:
            if ender in of and not any(of[ender] is each for each in told):
                yield from follow(of[ender])

    for group in groups:
        if not any(group is each for each in told):
            yield from follow(group)


def _sentence(group: list[Sleeper], told: list[list[Sleeper]], of: dict[int, list[Sleeper]]) -> str:
    first, one = group[0], len(group) == 1
    text = f"{joined([each.name for each in group])} {'is' if one else 'are'} {first.doing}"
    if first.since is None and not first.wait.what:
        return text + (", going round in search of a free page." if first.wait.memory else ", going round.")
    same = len({each.wait.what for each in group}) == 1
    text += f", waiting for {first.wait.what if same else first.wait.several}"
    if first.since is not None:
        text += f" since {seconds(max(0, min(each.since or 0 for each in group)))}"
    if first.wait.why:
        text += f" ({first.wait.why})"
    back = [of[ender] for ender in first.wait.enders if ender in of and any(of[ender] is each for each in told)]
    if back:
        text += f": which {joined([each.name for each in back[0]])} would have to end"
    return text + "."


def memory(built: Built) -> str:
    """How it stands with memory: what is free, what could be reclaimed at once, what would have to be written."""
    m = built.memory.m
    rows, state = zones(m), np.asarray(frames(m)["state"])
    user, areas = state[state & USER > 0], swaps(m)
    anon, files = user[user & ANON > 0], user[user & ANON == 0]
    busy = int((user & WRITEBACK > 0).sum())
    clean = int((anon & (SWAPCACHE | DIRTY | WRITEBACK) == SWAPCACHE).sum() + (files & (DIRTY | WRITEBACK) == 0).sum())
    free, low = int(rows["nr_free"].sum()), int(rows["wmark_min"].sum())
    left = int(areas["nslots"].sum() - areas["used"].sum()) if len(areas) else 0
    buffers = int((np.asarray(frames(m)["kind"]) == NET_PAGE).sum())
    at_once = f"{clean:,} clean pages" if clean else "nothing"
    text = (
        f"Of memory {free:,} pages are free (min {low:,}{_by_zone(built)}); {at_once} can be freed at once: "
        f"{len(anon):,} anonymous pages, {len(files):,} of files, {busy:,} of them being written; {left:,} slots of "
        "swap are left"
    )
    return text + (f"; socket buffers have {buffers:,} pages." if buffers else ".")


def _by_zone(built: Built) -> str:
    """What is free in each zone where there are several: a low one keeps its own for those who need it."""
    rows = zones(built.memory.m)
    if len(rows) == 1:
        return ""
    each = (f"{ZONE_NAMES[int(row.kind)]} {int(row.nr_free):,} with min {int(row.wmark_min):,}" for row in rows)
    return f": {', '.join(each)}"


def _queues(built: Built) -> Iterator[str]:
    """What stands before disks and was not done."""
    for d, row in enumerate(disks(built.memory.m)):
        waiting = int(row.queue.n + row.nr_drive)
        if waiting or row.nr_allocated:
            yield f"Before {disk_name(built, d)} {waiting:,} requests wait, {int(row.nr_allocated):,} are taken."


def joined(several: list[str]) -> str:
    """Names in a row: copies of a task as `stress.0-3`, of many the first few."""
    runs: list[tuple[str, list[int]]] = []
    for name in several:
        stem, _, number = name.rpartition(".")
        if stem and number.isdigit():
            if runs and runs[-1][0] == stem and runs[-1][1] and runs[-1][1][-1] + 1 == int(number):
                runs[-1][1].append(int(number))
                continue
            runs.append((stem, [int(number)]))
        else:
            runs.append((name, []))
    texts = [stem + (f".{run[0]}" + (f"-{run[-1]}" if len(run) > 1 else "") if run else "") for stem, run in runs]
    if len(texts) > MOST_NAMES:
        texts = [*texts[: MOST_NAMES - 1], f"{len(texts) - MOST_NAMES + 1} more"]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]


def seconds(ns: int) -> str:
    """A time as seconds, for people."""
    return f"{ns / 1e9:,.3f} s"
