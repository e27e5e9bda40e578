"""What can be varied and read: hooks."""

from mmrun.model.core.mechanism import CORE, NO_FRAME, hooks

HOOKS = {
    **hooks(
        CORE,
        6,
        ("charged_frame", "task gfp", "a frame, or NONE", NO_FRAME),
        ("kernel_frame", "task gfp", "a frame, or NONE", NO_FRAME),
    ),
}
