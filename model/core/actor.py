"""What is an actor: a hook that runs on a stack of its own, one for each of something the machine has."""

from collections.abc import Callable, Iterable

from mmrun.model.core.jit import Hook, hook

PER = ("task", "node", "wb", "scanner", "controller")  # of two actors that want to run at once, the earlier kind does


def kinds(wanted: Iterable[str]) -> list[str]:
    """All kinds of actors in order: those whose time is counted apart, then others that mechanisms brought."""
    return [*PER, *(per for per in wanted if per not in PER)]


def actor(per: str, apart: bool = False, at_boot: bool = False) -> Callable[[Callable[..., int]], Hook]:
    """Mark `fn(m, number)` as what the actors of a kind do, one for each thing of the kind `per` names.

    How many there are, the mechanism says in its place.py (`actors`). `apart`: they need no CPU of this machine's, for
    they are interrupts, which wait for no task, or cards, or on another machine. `at_boot`: they run before the first
    task does, as far as to where they sleep.
    """

    def mark(fn: Callable[..., int]) -> Hook:
        made = hook(fn)
        made.per, made.apart, made.at_boot = per, apart, at_boot
        return made

    return mark
