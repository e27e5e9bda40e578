"""What is an actor: a hook that runs on a stack of its own, one for each of something the machine has."""

from collections.abc import Callable

from mmrun.model.core.jit import Hook, hook

PER = ("task", "node", "wb", "scanner", "controller")  # of two actors that want to run at once, the earlier kind does


def actor(per: str) -> Callable[[Callable[..., int]], Hook]:
    """Mark `fn(m, number)` as what the actors of a kind do, one for each thing of the kind `per` names."""
    if per not in PER:
        raise ValueError(f"there is an actor for each {', '.join(PER)}, not for each {per}")

    def mark(fn: Callable[..., int]) -> Hook:
        made = hook(fn)
        made.per = per
        return made

    return mark
