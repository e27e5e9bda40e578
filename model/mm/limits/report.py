"""What is told of kills beside counters: each of the first ones as the kernel reports it, and why."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.limits.oom_noted import Kill
from mmrun.model.mm.limits.oom_text import report
from mmrun.model.mm.limits.oom_why import why
from mmrun.model.mm.limits.state import MOST_REPORTS, oom_state

IN_WORDS = "(the kernel's report ends here; in words, from what was counted at that moment:)"


def kills(built: Built) -> list[list[str]]:
    """The lines of each kill; of those beyond the first few one line says how many there were."""
    total = int(oom_state(built.memory.m).reports)
    told = [Kill(built, number) for number in range(min(total, MOST_REPORTS))]
    found = [[*report(kill), IN_WORDS, *why(kill)] for kill in told]
    return found + [[f"{total - MOST_REPORTS:,} more reports"]] * (total > MOST_REPORTS)
