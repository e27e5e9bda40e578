"""What a share of the CPU weighs by nice level, and what the number of CPUs does to slices."""

NICE_0_LOAD = 1024
LEAST_NICE, MOST_NICE = -20, 19
PRIO_TO_WEIGHT = (  # sched_prio_to_weight, kernel/sched/core.c: one step is a tenth of the CPU between two tasks
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906,
    3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
    110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
)  # fmt: skip


def weight_of(nice: int) -> int:
    """The weight of a nice level, -20 to 19; ValueError for any other."""
    if not LEAST_NICE <= nice <= MOST_NICE:
        raise ValueError(f"a nice level is {LEAST_NICE} to {MOST_NICE}, not {nice}")
    return PRIO_TO_WEIGHT[nice - LEAST_NICE]


def scaling(cpus: int) -> int:
    """By how much slices are longer on so many CPUs (get_update_sysctl_factor, SCHED_TUNABLESCALING_LOG)."""
    return min(cpus, 8).bit_length()
