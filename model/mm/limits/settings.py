"""What can be varied and read: axes, hooks."""

from mmrun.model.core.mechanism import CORE, Axis, hooks

AXES = (Axis("memcg", 8, "memory controller: which groups reclaim visits, in which order, and what protects them"),)

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
