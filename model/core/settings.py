"""What the ground floor declares: the hooks of actors."""

from mmrun.model.core.mechanism import CORE, Subject, hooks

HOOKS = {
    **hooks(
        CORE,
        0,
        ("actor_life", "actor", "what it does, once"),
        ("task_turn", "task", "runs until its turn ends"),
    ),
}


SUBJECTS = (
    Subject(
        "outcome",
        "How a run ended, a metric of every cell: `ok`, `oom` when a task was killed for want of memory, "
        "or `died` when nobody could go on any more. A cell "
        "that "
        "could not be run at all has no outcome: it is `failed`, and `status` says why.",
        ("oom", "deadlock", "oom_kill", "failcnt"),
    ),
    Subject(
        "interrupts",
        "Interrupts take no time here: what ends a read or a write wakes who waits, at that time.",
        (),
        ("irq", "softirq"),
    ),
)
