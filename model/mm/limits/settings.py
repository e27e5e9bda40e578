"""What can be varied and read: axes, hooks."""

from mmrun.model.core.mechanism import CORE, Axis, Cause, Matters, Subject, hooks

HAS_GROUPS = Matters("a cell with cgroups", lambda case, _: bool(case.cell.cgroups))
AXES = (
    Axis("memcg", 8, "memory controller: which groups reclaim visits, in which order, and what protects them", (),
         HAS_GROUPS),
)  # fmt: skip

HOOKS = {
    **hooks(
        CORE,
        11,
        ("soft_limit_reclaim", "sc", "groups over their soft limits give first, into sc.nr_reclaimed, nr_scanned; 0"),
    ),
    **hooks(
        "memcg",
        100,
        ("limit_reclaim", "memcg nr_to_reclaim", "pages reclaimed because a charge found the group at its limit"),
        default=True,
    ),
    **hooks(
        "memcg",
        96,
        ("first_group", "sc", "the group whose lruvec is shrunk first, -1 = none", -1),
        ("next_group", "sc group", "the one after it, -1 = the walk is over", -1),
        ("may_shrink", "sc group", "0 = it is protected, pass it over; how much of it is into sc.protection"),
        ("over_high", "task in_kernel", "what follows from charges beyond memory.high; 0"),
    ),
}

CAUSES = (
    Cause(
        ("stall_memcg_ns", "stall_high_ns"),
        (
            "failcnt", "events_max", "events_high", "events_low", "pgscan_direct", "pgsteal_direct", "nr_vmscan_write",
            "workingset_refault_anon", "workingset_refault_file", "memcg_visits",
        ),
        ("vmscan:*",),
    ),
    Cause(("stall_oom_ns",), ("oom_kill", "events_oom", "allocstall"), ("oom:*",)),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "oom",
        "When reclaim comes to nothing, the task that has most is killed: in the group over its limit, or on the "
        "machine. "
        "It exits, its memory is free again, and the run goes on with the others; `outcome` is then `oom`. `mmrun run` "
        "prints of the first kills what that version of the kernel prints, with who asked, what was left and why it "
        "stayed; `mmrun status DIR --kills` does so of a sweep. Children and the reaper's own thread are "
        "not modelled; all tasks are of an ordinary user.",
        ("outcome", "oom_kill", "events_oom", "failcnt", "tasks.oom_score_adj"),
        (
            "oom killer",
            "out of memory",
            "oom_badness score",
            "oom report",
            "killed process",
            "invoked oom-killer",
            "panic_on_oom",
            "oomd",
            "earlyoom",
        ),
    ),
)
