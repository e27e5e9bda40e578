"""What can be varied and read: requests, counters."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = {
    **hooks(
        CORE,
        219,
        ("cut_cable", "task argument", "OK or OUT_OF_MEMORY; argument: number of the link"),
        ("heal_cable", "task argument", "OK or OUT_OF_MEMORY; argument: number of the link"),
    ),
}
