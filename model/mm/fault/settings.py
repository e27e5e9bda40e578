"""What can be varied and read: hooks."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = {
    **hooks(
        CORE,
        8,
        ("access", "task region page operation", "OK or OUT_OF_MEMORY"),
    ),
}
