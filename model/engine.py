"""The loop: the actor whose time has come first runs, on a stack of its own, until it sleeps or its turn ends.

Actors are tasks and daemons. A task consumes events from its stream buffer: accesses that its page table can serve only
set bits and cost latency (`hits`); the first one it cannot serve enters the kernel (`fault.access`), which may sleep
anywhere. The loop returns to Python when a stream buffer is empty, a sample is due, everything has ended, or nothing of
that has come for long: only there can a run be interrupted.
"""

from mmrun.model.block.completions import next_completion
from mmrun.model.core.accounting import FAULT, begins, count_sleepers, ends
from mmrun.model.core.actor import actor
from mmrun.model.core.actors import NEVER, earliest, schedule
from mmrun.model.core.codes import BAD_EVENT, DONE, KILLED, NEED_EVENTS, OUT_OF_MEMORY, RUNNABLE, STUCK
from mmrun.model.core.events import ARG_MASK, COMPUTE, EXIT, FSYNC, OP_SHIFT, REGISTER, REQUESTS, WRITE
from mmrun.model.core.jit import caller, kernel, rare, requests
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.server import serve
from mmrun.model.core.sleep import resume, sleeps
from mmrun.model.core.state import actors, turn
from mmrun.model.hits import hits, hits_cached, hits_marked, hits_translated, hits_watched
from mmrun.model.hung_task.hung_task import deadlocked, hung
from mmrun.model.hung_task.state import life
from mmrun.model.machine.state import geometry, nodes, progress, run_settings, task_count
from mmrun.model.mm.dirty_throttling.balance_dirty import after_access, leave_to_others
from mmrun.model.mm.fault.filemap import file_at
from mmrun.model.mm.generations.state import TABLE_SHIFT, leaf_young
from mmrun.model.mm.idle.state import watch
from mmrun.model.mm.idle.truth import note_access
from mmrun.model.mm.limits.exit import exit_mm
from mmrun.model.mm.limits.oom import die, send_sigkill
from mmrun.model.mm.lru.ahead import look_ahead_of
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.memcontrol import fold_periodically, read_stat
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.numa_balancing.address_space import new_mm, numa_tick_if_due
from mmrun.model.mm.page.vmstat import vmstat_update
from mmrun.model.mm.slab.state import slab_state
from mmrun.model.mm.task.calls import CALL_FSYNC, call_kind, count_call
from mmrun.model.mm.task.state import (
    EVERY_NODE,
    PTE_PRESENT,
    files,
    pte,
    regions,
    stream,
    tasks,
    tlb,
)
from mmrun.model.mm.tlb.state import tlb_settings
from mmrun.model.mm.tlb.translate import empty_tlb, try_again
from mmrun.model.mm.writeback.fsync import fsync
from mmrun.model.psi.averages import psi_show, psi_update
from mmrun.model.psi.state import psi
from mmrun.model.sched.context_switch import switched_in, switched_out
from mmrun.model.sched.state import sched, sched_settings
from mmrun.model.sched.turns import get_cpu, put_cpu, scheduler_tick

access = caller("access")
over_high = caller("over_high")
finish_writes = caller("finish_writes")
request = requests()
FINISHED, WANT_EVENTS, SAMPLE_DUE, BROKEN, TIME_UP, PASS_OVER, BREATH, DIED, SETTINGS_DUE, SNAPSHOT = range(10)
LONG_RUN = 1 << 16  # turns after which Python gets a chance to be interrupted


@rare
@kernel
def flush_tlb(m, t):
    """Task `t`'s CPU has turned to another address space and back."""
    task, entries = tasks(m)[t], tlb(m)
    task.tlb_until = m.now + run_settings(m).tlb_flush
    for at in range(task.pte_start, task.pte_start + task.npages):
        entries[at] = 0
    if tlb_settings(m).translates:
        empty_tlb(m, turn(m).cpu)


@kernel
def book_channels(m, t):
    """Let the memory channels serve the cache lines touched since the last call; the task waits for the slowest."""
    task, start = tasks(m)[t], m.now
    done = start
    for nid in range(geometry(m).nr_nodes):
        fresh = task.touched[nid] - task.booked[nid]
        if fresh:
            task.booked[nid] = task.touched[nid]
            if nid != task.node:
                task_count(m)[t].remote_touches += fresh
            end = serve(m, nodes(m)[nid].channel, start, fresh * nodes(m)[nid].line_ps // 1000)
            # The lines' own transfer time is part of the load latency already; only queueing delays the task.
            done = max(done, end - fresh * nodes(m)[nid].line_ps // 1000)
    task_count(m)[t].stall_channel_ns += done - start
    m.now = done


@rare
@kernel
def translate_again(m, t, at, op):
    """The access to page-table word `at` is tried again and translated."""
    walked = try_again(m, t, at, op)
    m.now += walked
    task_count(m)[t].walk_ns += walked


@kernel
def serve_access(m, t, region, argument, op):
    """An access that the task's page table could not serve, throttling included; False when the task has died."""
    task, entered = tasks(m)[t], m.now
    begins(m, FAULT)
    look_ahead_of(m, t, region)
    served = access(m, t, region, argument, op)
    if served == OUT_OF_MEMORY:
        ends(m, FAULT)
        if not task.killed:
            send_sigkill(m, t)
        return False
    if run_settings(m).tlb_flush and op <= WRITE and pte(m)[task.pte_start + argument] & PTE_PRESENT:
        tlb(m)[task.pte_start + argument] = 1  # the access is tried again
    if lru_settings(m).lru_gen and op <= WRITE and pte(m)[task.pte_start + argument] & PTE_PRESENT:
        leaf_young(m)[task.pte_start + argument >> TABLE_SHIFT] = 1
    if watch(m).idle_tracking:
        note_access(m, region, argument)
    if task.over_high:
        over_high(m, t, 0)
    after_access(m, t)
    ends(m, FAULT)
    kind = call_kind(m, region, op)
    if kind >= 0:
        count_call(m, t, kind, entered)
    m.now += task.think
    task_count(m)[t].think_ns += task.think
    if tlb_settings(m).translates and op <= WRITE and pte(m)[task.pte_start + argument] & PTE_PRESENT:
        translate_again(m, t, task.pte_start + argument, op)
    task_count(m)[t].accesses += 1
    progress(m).accesses += 1
    return True


@rare
@kernel
def sync_file(m, t, region, page):
    """fsync of the file that the region has at `page`."""
    r, entered = regions(m)[region], m.now
    index = files(m)[r.file].start + r.file_offset + page - r.first
    fsync(m, t, file_at(m, region, index))
    count_call(m, t, CALL_FSYNC, entered)


@rare
@kernel
def serve_request(m, t, op, argument):
    """What a mechanism does for the task: its hook of that number; False when the task has died."""
    if m.hooks[op] == 0:
        panic(m, BAD_EVENT, op)
        return True
    begins(m, FAULT)
    served = request(m, op, t, argument)
    if tasks(m)[t].over_high:
        over_high(m, t, 0)
    ends(m, FAULT)
    if served == OUT_OF_MEMORY and not tasks(m)[t].killed:
        send_sigkill(m, t)
    return served != OUT_OF_MEMORY


@kernel
def region_at(m, t, page):
    """The region that holds page `page` of task `t`."""
    region = tasks(m)[t].first_region
    last = region + tasks(m)[t].nr_regions - 1
    while region < last and page >= regions(m)[region + 1].first:
        region += 1
    return region


@rare
@kernel
def exits(m, t, killed):
    """The process of task `t` ends, which takes its time; a killed one is not followed by another."""
    begins(m, FAULT)
    if killed:
        die(m, t)
    else:
        exit_mm(m, t)
        new_mm(m, t)
    ends(m, FAULT)


@kernel
def enter_kernel(m, t):
    """Serve the event at the task's position that its page table could not; the task may die of it."""
    task = tasks(m)[t]
    event = stream(m)[t * run_settings(m).chunk + task.pos]
    op, argument = event >> OP_SHIFT, event & ARG_MASK
    if run_settings(m).tlb_flush and m.now >= task.tlb_until:
        flush_tlb(m, t)
    if op in (COMPUTE, REGISTER):
        m.now += argument
        task_count(m)[t].think_ns += argument
        if op == REGISTER:
            slab_state(m).shrinkers_busy_until = m.now
    elif op == EXIT:
        exits(m, t, False)
        leave_to_others(m, t)
    elif op == FSYNC:
        sync_file(m, t, region_at(m, t, argument), argument)
    elif op >= REQUESTS:
        if not serve_request(m, t, op, argument):
            exits(m, t, True)
            return
    elif not serve_access(m, t, region_at(m, t, argument), argument, op):
        exits(m, t, True)
        return
    task.pos += 1
    if task.killed:
        exits(m, t, True)


@kernel
def event_limit(m, t):
    """Buffer position at which the task must stop for a sample or a reader of its group's memory.stat."""
    task, limit = tasks(m)[t], tasks(m)[t].filled
    if run_settings(m).sample_accesses:
        limit = min(limit, task.pos + progress(m).next_sample - progress(m).accesses)
    group = memcgs(m)[task.memcg]
    if group.stat_every:
        limit = min(limit, task.pos + group.stat_every - group.accesses % group.stat_every)
    return limit


@kernel
def run_events(m, t):
    """Task `t` works until its turn is over, its buffer is empty, a sample is due, or it is dead."""
    task = tasks(m)[t]
    group = memcgs(m)[task.memcg]
    while m.now < turn(m).turn_ends and task.pos < task.filled and m.broken == 0:
        if group.stat_every and group.accesses % group.stat_every == 0:
            read_stat(m, task.memcg)
        numa_tick_if_due(m, t)
        limit, before = event_limit(m, t), task_count(m)[t].accesses
        if tlb_settings(m).translates:
            hits_translated(m, t, turn(m).turn_ends, limit)
        elif run_settings(m).tlb_flush:
            hits_cached(m, t, turn(m).turn_ends, limit)
        elif watch(m).idle_tracking:
            hits_watched(m, t, turn(m).turn_ends, limit)
        elif lru_settings(m).lru_gen:
            hits_marked(m, t, turn(m).turn_ends, limit)
        else:
            hits(m, t, turn(m).turn_ends, limit)
        if task.pos < limit and m.now < turn(m).turn_ends:
            enter_kernel(m, t)
            if task.state == KILLED:
                break
        group.accesses += task_count(m)[t].accesses - before
        if run_settings(m).sample_accesses and progress(m).accesses >= progress(m).next_sample:
            break
        if next_completion(m) <= m.now or turn(m).wake:
            break


@actor(per="task")
def task_turn(m, t):
    """A task's turn, from where its last one ended."""
    task = tasks(m)[t]
    run_events(m, t)
    book_channels(m, t)
    task.time = m.now
    if task.state == RUNNABLE and task.pos >= task.filled:
        task.state = DONE if task.exhausted else NEED_EVENTS
    if task.state == DONE or task.state == KILLED:
        progress(m).tasks_left -= 1
        leave_to_others(m, t)
        if task.state == DONE and not task.stays and progress(m).tasks_left:  # the last one's memory is there to see
            exit_mm(m, t)
        schedule(m, t, NEVER)
    else:
        schedule(m, t, task.time)
    return 0


@rare
@kernel
def ends_at(m, at):
    """The time of whoever sleeps goes on until the run ends at time `at`, and is counted."""
    count_sleepers(m, at)
    psi_show(m, at)
    for t in range(geometry(m).nr_tasks):
        if sleeps(m, t):
            tasks(m)[t].time = max(actors(m)[t].counted, at)
        elif tasks(m)[t].state != DONE and tasks(m)[t].state != KILLED:
            tasks(m)[t].time = max(tasks(m)[t].time, at)


@rare
@kernel
def stop(m, soon):
    """Nothing happens before time `soon`, when it was to be looked for ends: TIME_UP, DIED, or FINISHED: go on.

    SNAPSHOT: somebody wants to see the machine as it is then.
    """
    if soon >= NEVER:
        deadlocked(m)
    elif soon >= life(m).snapshot_at:
        return SNAPSHOT
    elif not hung(m, min(soon, run_settings(m).duration)):
        if soon < run_settings(m).duration:
            return FINISHED
        ends_at(m, run_settings(m).duration)
        return TIME_UP
    ends_at(m, m.now)
    return DIED


@kernel
def take_turn(m, who, shared):
    """Actor `who` runs until it sleeps or its turn ends; where CPUs are shared it has one."""
    if m.tracing and not shared:
        switched_in(m, who)
    resume(m, who)
    if m.tracing and not shared:
        switched_out(m, who)
    if shared and not actors(m)[who].apart:
        put_cpu(m, who)


@kernel
def run(m):
    """Run actors until Python is needed; one of FINISHED .. SETTINGS_DUE, with `actor` the task that wants events.

    PASS_OVER comes when a kswapd goes to sleep, if the cell is checked; BREATH when nothing has come for long;
    SETTINGS_DUE when the cell's timeline writes settings.
    """
    idle, turns, shared = 0, 0, sched_settings(m).shared
    while m.broken == 0:
        who, first, second = earliest(m)
        if progress(m).tasks_left == 0:
            count_sleepers(m, m.now)
            psi_show(m, m.now)
            return FINISHED
        soon = min(first, next_completion(m), sched(m).next_tick)
        if soon >= NEVER:  # everybody waits for something that nobody will do
            return stop(m, soon)
        due = run_settings(m).sample_ns and progress(m).next_sample < run_settings(m).duration
        if due and progress(m).next_sample <= soon:
            count_sleepers(m, progress(m).next_sample)
            psi_update(m, progress(m).next_sample)
            return SAMPLE_DUE
        if soon >= life(m).stop_at:
            ended = stop(m, soon)
            if ended:
                return ended
        if run_settings(m).sample_accesses and progress(m).accesses >= progress(m).next_sample:
            count_sleepers(m, m.now)
            return SAMPLE_DUE
        if sched(m).next_tick <= soon:  # nobody's time comes before
            m.now = sched(m).next_tick
            scheduler_tick(m)
            continue
        if next_completion(m) < first:  # it may wake somebody who is to run before
            m.now = next_completion(m)
            finish_writes(m)
            continue
        if turns >= LONG_RUN and idle == 0:
            return BREATH
        m.now = first
        if shared and not actors(m)[who].apart and not get_cpu(m, who):
            continue
        turns += 1
        turn(m).actor, turn(m).wake = who, 0
        finish_writes(m)
        fold_periodically(m)
        vmstat_update(m)
        if m.now >= psi(m).next_update:
            psi_update(m, m.now)
        t = actors(m)[who].task
        if t != NONE and tasks(m)[t].state == NEED_EVENTS and not sleeps(m, who):
            return WANT_EVENTS
        turn(m).turn_ends = min(
            second + run_settings(m).quantum, progress(m).next_flush, run_settings(m).duration, sched(m).next_tick
        )
        if t != NONE and sleeps(m, who) and first > actors(m)[who].since:  # lru_gen_use_mm of context_switch
            tasks(m)[t].switched_in = EVERY_NODE
        take_turn(m, who, shared)
        if turn(m).pass_over:
            why = PASS_OVER if turn(m).pass_over == 1 else SETTINGS_DUE
            turn(m).pass_over = 0
            return why
        idle = idle + 1 if m.now == first else 0
        if idle > 1_000_000:
            panic(m, STUCK, who)
    return BROKEN
