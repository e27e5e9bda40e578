"""Why there was nothing to reclaim, from what was written down at a kill: rules that hold, else "not known"."""

from collections.abc import Iterator

from mmrun.model.core.timeline import before
from mmrun.model.mm.limits.oom_noted import Kill
from mmrun.model.mm.limits.oom_text import asked
from mmrun.model.mm.lru.inactive_ratio import inactive_is_low
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.task.state import NOBODY, REGION_ANON, REGION_READ, REGION_SLAB

ZERO_IS_NEVER = "3.5"  # fe35004fbf9e mm: avoid swapping out with swappiness==0


def why(kill: Kill) -> Iterator[str]:
    """Who asked, what was left, what the last reclaim did, and why each kind of page stayed."""
    noted, count = kill.noted, _counts(kill)
    yield f"at {int(noted.now) / 1e9:.6f} s: {_asker(kill)}"
    yield f"limit: {_limit(kill)}"
    yield (
        f"on lists: anonymous {count['anon lists']:,} pages, files {count['file lists']:,}"
        f" ({count['file_dirty']:,} dirty, {count['file_writeback']:,} being written, {count['file_clean']:,} neither);"
        f" isolated {count['isolated']:,}; not on lists: page tables {count['pagetables']:,}, slab {count['slab']:,}"
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
             ("file_dirty", "file_writeback", "file_clean", "pagetables", "slab")}  # fmt: skip
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
    """One for each kind of page that is there."""
    if count["anon lists"]:
        reason = _why_anon(kill) or _not_aged(kill, count) or _kept(kill)
        yield f"{count['anon lists']:,} anonymous pages stay: {reason}"
    if count["file lists"]:
        yield f"{count['file lists']:,} pages of files stay: {_why_file(count) or _kept(kill)}"
    else:
        yield "no page of a file is on a list"
    if kill.noted.protected:
        yield f"{int(kill.noted.protected):,} pages are of groups within their memory.min"


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


def _why_file(count: dict[str, int]) -> str:
    """Why pages of files could not be dropped, if there is a plain reason."""
    return "" if count["file_clean"] else "all are dirty or being written"


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
    """What is known of pages that were scanned in vain."""
    noted = kill.noted
    if not noted.nr_scanned:
        return "not known; the last pass scanned nothing"
    met = f"of {int(noted.taken):,} taken in the last pass {int(noted.dirty):,} were dirty, {int(noted.writeback):,} "
    return f"not known; {met}were being written"
