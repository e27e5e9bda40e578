"""What the ground floor declares: the hooks of actors."""

from mmrun.model.core.mechanism import CORE, hooks

HOOKS = {
    **hooks(
        CORE,
        0,
        ("actor_life", "actor", "what it does, once"),
        ("task_turn", "task", "runs until its turn ends"),
    ),
}
