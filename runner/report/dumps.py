"""What `mmrun run` was asked to dump, and when."""

from pathlib import Path

from mmrun.model.api import Outcome
from mmrun.model.core.frozen import frozen
from mmrun.runner.config.units import UnitError, parse
from mmrun.runner.report.proc_files import write


@frozen
class Dumps:
    """The options of `mmrun run`: a directory, and simulated times as they were typed; none: the end of the run."""

    directory: Path | None
    typed: list[str]

    @property
    def at_end(self) -> bool:
        """Whether the machine is wanted as it is when the run has ended."""
        return self.directory is not None and not self.typed

    def times(self) -> list[int]:
        """The times in order (ns). ValueError says what is wrong with one."""
        if self.typed and self.directory is None:
            raise ValueError("--dump-at: name a directory with --dump")
        return [time for time, _ in self._named()]

    def write(self, outcome: Outcome) -> None:
        """Write what was asked for below the directory, under each time as it was typed."""
        if self.directory is None:
            return
        if outcome.left is not None:
            write(outcome.left, self.directory)
        for (_, name), left in zip(self._named(), outcome.snapshots, strict=True):
            write(left, self.directory / name)

    def _named(self) -> list[tuple[int, str]]:
        try:
            return sorted((int(parse(name, "ns")), name) for name in self.typed)
        except UnitError as error:
            raise ValueError(f"--dump-at: {error}; {error.fix}") from None
