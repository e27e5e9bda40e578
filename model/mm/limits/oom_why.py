"""Why there was nothing to reclaim, from what was written down at a kill: rules that hold, else "not known"."""

from collections.abc import Iterator

from mmrun.model.core.timeline import before
from mmrun.model.mm.limits.oom_noted import Kill
from mmrun.model.mm.limits.oom_text import asked
from mmrun.model.mm.lru.inactive_ratio import inactive_is_low
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.task.state import NOBODY, REGION_ANON, REGION_READ, REGION_SLAB

BUSY = ("being written", "being read", "dirty")  # in the order of OOM_PAGES.busy
ZERO_IS_NEVER = "3.5"  # fe35004fbf9e mm: avoid swapping out with swappiness==0


def why(kill: Kill) -> Iterator[str]:
    """Who asked, what was left, what the last reclaim did, and why each kind of page stayed."""
    noted, count = kill.noted, _counts(kill)
    yield f"at {int(noted.now) / 1e9:.6f} s: {_asker(kill)}"
    yield f"limit: {_limit(kill)}"
    yield (
        f"on lists: anonymous {count['anon lists']:,} pages, files {count['file lists']:,}; dirty pages of files "
        f"{count['file_dirty']:,}, being written {count['writeback']:,}; isolated {count['isolated']:,}"
    )
    yield (
        f"not on lists: page tables {count['pagetables']:,} pages, slab {count['slab']:,}, "
        f"zram's pool {count['zram']:,}, others of the kernel {count['kernel']:,}"
    )
    yield f"swap: {_swap(kill)}"
    if kill.asker == NOBODY:
        yield "why: the oldest generations are younger than min_ttl_ms"
        return
    yield (
        f"its last reclaim: down to priority {int(noted.priority)}, {int(noted.nr_scanned):,} pages scanned in the "
        f"last pass, {int(noted.nr_reclaimed):,} reclaimed in all"
    )
    yield from (f"why: {reason}" for reason in _reasons(kill, count))


def _counts(kill: Kill) -> dict[str, int]:
    """Pages by what they are."""
    found = {name: int(kill.pages[name].sum()) for name in
             ("file_dirty", "writeback", "pagetables", "slab", "zram", "kernel")}  # fmt: skip
    lists = kill.pages["lists"].sum(axis=0)
    found["anon lists"], found["file lists"] = int(lists[:2].sum()), int(lists[2:].sum())
    return found | {"isolated": int(kill.pages["isolated"].sum())}


def _asker(kill: Kill) -> str:
    if kill.asker == NOBODY:
        return f"{kill.asker_name} found every page too young to be reclaimed"
    kind, written = asked(kill.built, kill.asker, int(kill.noted.event))
    what = {
        REGION_ANON: "a page of anonymous memory", REGION_SLAB: "a slab object",
        REGION_READ: f"a page of a file, to {'write' if written else 'read'} it",
    }.get(kind, "a page of a mapped file")  # fmt: skip
    return f"{kill.asker_name} asked for {what}"


def _limit(kill: Kill) -> str:
    noted = kill.noted
    if kill.over:
        return (
            f"of the group {kill.path(kill.over)}: {int(noted.usage):,} of {int(noted.limit):,} pages in use, "
            f"at its limit {int(noted.failcnt):,} times so far"
        )
    where = "the machine" if kill.nodemask == "(null)" else f"node {kill.nodemask} of the machine"
    low = int(zones(kill.built.memory.m)["wmark_min"].sum())
    return f"of {where}: {int(kill.zones['free'].sum()):,} pages free, min watermarks {low:,}"


def _swap(kill: Kill) -> str:
    noted = kill.noted
    if not noted.swap_total:
        return "none"
    text = f"{int(noted.swap_free):,} of {int(noted.swap_total):,} pages free"
    if kill.over and noted.swap_limit < 1 << 50:
        text += f"; the group uses {int(noted.swap_pages):,} of {int(noted.swap_limit):,}"
    return text


def _reasons(kill: Kill, count: dict[str, int]) -> Iterator[str]:
    """For each kind of page that is there."""
    if count["anon lists"]:
        reason = _why_anon(kill) or _by_state(kill, 0, count["anon lists"], _not_aged(kill, count))
        yield f"{count['anon lists']:,} anonymous pages stay: {reason}"
    if count["file lists"]:
        yield f"{count['file lists']:,} pages of files stay: {_by_state(kill, 1, count['file lists'], '')}"
    else:
        yield "no page of a file is on a list"
    if kill.noted.protected:
        yield f"{int(kill.noted.protected):,} pages are of groups within their memory.min"


def _by_state(kill: Kill, kind: int, pages: int, of_the_rest: str) -> str:
    """How many pages of a kind are busy, with what, and what is known of the others."""
    busy = [int(each) for each in kill.pages["busy"].sum(axis=0)[kind]]
    parts = [f"{each:,} are {word}" for each, word in zip(busy, BUSY, strict=True) if each]
    if rest := pages - sum(busy):
        others = f"{rest:,} others: " if parts else ""
        parts.append(others + (of_the_rest or _kept(kill)))
    return "; ".join(parts)


def _why_anon(kill: Kill) -> str:
    """Why anonymous pages could not be swapped out, if there is a plain reason."""
    noted = kill.noted
    if not noted.swap_total:
        return "there is no swap"
    if not noted.swap_free:
        return "swap is full"
    if kill.over and noted.swap_pages >= noted.swap_limit:
        return "the group uses all of its memory.swap.max"
    if kill.over and not noted.swappiness and not before(kill.version, ZERO_IS_NEVER):
        return "swappiness is 0"
    return ""


def _not_aged(kill: Kill, count: dict[str, int]) -> str:
    """Whether all anonymous pages are active and stay so.

    An active anonymous list alone keeps no reclaim going, so no deactivation is asked for that could be forced; what is
    left is to age it where the inactive list is low by the group's statistics, which are summed up now and then.
    In the kernel: shrink_lruvec, inactive_is_low, 5.8; since 6.12 reclaim itself does not sum them up.
    """
    if not kill.over or kill.built.cell.policy["lru"].variant != "cost-balanced":
        return ""
    inactive, active = (int(pages) for pages in kill.noted.seen[:2])
    if kill.pages["lists"][:, 0].sum() or count["file lists"] or inactive_is_low(inactive, active):
        return ""
    return (
        "all are active, which alone keeps no reclaim going, and none is deactivated while the inactive list is not "
        f"low by the group's statistics, which say {inactive:,} inactive and {active:,} active pages since they were "
        "last summed up"
    )


def _kept(kill: Kill) -> str:
    """What there is to say of pages that could have been taken as they are."""
    scanned = int(kill.noted.nr_scanned)
    return f"not known; its last pass scanned {scanned:,} pages" if scanned else "not known; its last pass scanned none"
