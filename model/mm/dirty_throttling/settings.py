"""What can be varied and read: axes, hooks."""

from mmrun.model.core.mechanism import Axis, hooks

AXES = (Axis("dirty_throttling", 13, "how writers are held back when too much of memory is dirty", ("RULES",)),)

HOOKS = {
    **hooks(
        "dirty_throttling",
        104,
        ("balance_dirty_pages_ratelimited", "task", "it dirtied a page of task.balance_wb and may sleep for it; 0"),
        ("update_bandwidth", "wb began", "some of what the flusher began at jiffy `began` was submitted; 0"),
    ),
}
