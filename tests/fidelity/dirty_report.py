"""The validation report on dirty throttling: calls recomputed one by one, and the cases run in the model."""

from collections.abc import Iterator
from functools import cache

from mmrun.model.machine.timers import expiry
from tests.fidelity.dirty import HZ, Event, events
from tests.fidelity.dirty_runs import Levels, recorded, simulated


@cache
def stretches() -> list[tuple[set[int], list[Event]]]:
    """Runs of events that one estimate of the bandwidth explains, with the estimates that do."""
    found: list[tuple[set[int], list[Event]]] = []
    for event in events():
        bandwidths = event.bandwidths()
        if found and found[-1][0] & bandwidths:
            found[-1][0].intersection_update(bandwidths)
            found[-1][1].append(event)
        else:
            found.append((bandwidths, [event]))
    return found


def followed() -> list[tuple[Event, Event]]:
    """Events and the next one of the same task."""
    pairs: list[tuple[Event, Event]] = []
    last: dict[int, Event] = {}
    for event in events():
        if event.pid in last:
            pairs.append((last[event.pid], event))
        last[event.pid] = event
    return pairs


def setpoint(e: Event) -> bool:
    """Whether the recorded setpoint is the formula's."""
    return ((e.thresh + e.bg_thresh) // 2 + e.limit) // 2 == e.setpoint


def pause(e: Event) -> bool:
    """Whether the recorded pause is the period less what went by before the call, as far as a task may sleep."""
    wanted = e.period - (e.think - e.paused)
    return e.pause == min(wanted, 0) if e.pause <= 0 else e.pause <= wanted


def slept() -> Iterator[tuple[bool, bool]]:
    """For every sleep that was followed by another call: is it no longer than allowed, is the next call as computed."""
    estimates = {id(e): sorted(bandwidths) for bandwidths, own in stretches() for e in own}
    for e, then in followed():
        if e.pause > 0:
            some = estimates[id(e)][:: max(1, len(estimates[id(e)]) // 100)]
            results = {e.slept_after(bw) for bw in some}
            yield (
                e.pause <= max(longest for longest, _ in results),
                then.dirtied_pause in {pages for _, pages in results},
            )


def ticks() -> list[bool]:
    """For every sleep at the limit, after which the same call goes on: did it last what the timer wheel makes of it."""
    pairs = [(e, then) for e, then in followed() if e.pause > 0 and then.again]
    return [then.paused - e.paused == expiry(0, e.pause, 1) for e, then in pairs]


def calls() -> list[tuple[str, int, int]]:
    """(quantity, calls that show it, calls in which the recorded value is the formulas')."""
    own = events()
    rated = [e for e in own if e.task_ratelimit]
    first = [e for e in rated if not e.again]
    lasted, after = zip(*slept(), strict=True)
    return [
        ("setpoint", len(own), sum(map(setpoint, own))),
        ("rate 0 exactly at the limit", len(own), sum((e.task_ratelimit == 0) == (e.dirty >= e.limit) for e in own)),
        ("period", len(rated), sum(e.period == HZ * e.dirtied // e.task_ratelimit for e in rated)),
        ("pause", len(first), sum(map(pause, first))),
        ("rate of the task", len(own), sum(len(calls) for bandwidths, calls in stretches() if bandwidths)),
        ("longest pause", len(lasted), sum(lasted)),
        ("pages until the next call", len(after), sum(after)),
        ("length of the sleep in ticks", len(ticks()), sum(ticks())),
    ]


def _row(case: tuple[int, int, int], what: str, levels: Levels) -> list[str]:
    name = f"{case[0]} MiB / {case[1]} MiB, {case[2]} writer{'s' if case[2] > 1 else ''}"
    shares = [f"{100 * share:.1f}" for share in (levels.low, levels.median, levels.high)]
    return [name, what, *shares, str(levels.sleeps), f"{levels.sleep_ms:.0f}", str(levels.ratelimit)]


def section() -> str:
    """The section in Markdown; it runs the cases."""
    exact = "\n".join(f"| {what} | {shown} | {right} |" for what, shown, right in calls())
    cases = list(dict.fromkeys(event.case for event in events()))
    rows = [_row(case, *pair) for case in cases for pair in (("6.1", recorded(case)), ("model", simulated(case)))]
    levels = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"""\
Writers to a disk of 8 MB/s on the guest (Linux 6.1, {HZ} Hz); every call of balance_dirty_pages was recorded with
what it saw and decided, but for the bandwidth estimate. That is solved for: the calls fall into {len(stretches())}
stretches in each of which one estimate explains every rate: no more than the kernel had time to make estimates.

| quantity | calls | as computed |
| --- | ---: | ---: |
{exact}

The same cases run in the model, with a writer as slow as the emulated one. Nothing was recorded of calls that run
free, and what else the guest's writers waited for (journal, pages under writeback) is not modelled: they slept in
throttling for a tenth to a fifth of the time only, the model's writers for most of it, so these figures do not agree.

| dirty limit / background | | dirty 5 % | median | 95 % of limit | sleeps | mean ms | base rate at the end, pages/s |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
{levels}
"""
