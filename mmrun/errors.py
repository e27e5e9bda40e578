"""What is raised to callers: configurations that are wrong, runs that fail, results that cannot be read."""

from collections.abc import Iterable
from pathlib import Path

from mmrun.model.core.frozen import frozen


@frozen
class Problem:
    """One thing that is wrong with a configuration.

    `file`, `line` and `column` (from 1; line 0: the file as a whole) say where; for an experiment given as a mapping
    `file` is None, both numbers are 0 and `key` is the path of keys, such as `tasks.app.stream.size`. `fix` says what
    to write instead, where that is known.
    """

    file: Path | None
    line: int
    column: int
    message: str
    fix: str = ""
    key: str = ""

    def __str__(self) -> str:
        where = self.key or "the experiment"
        if self.file is not None:
            where = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return f"{where}: {self.message}" + (f" ({self.fix})" if self.fix else "")


class ConfigError(ValueError):
    """An experiment that cannot be run; `problems` holds everything that is wrong with it, `str()` prints all."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class RunError(RuntimeError):
    """A cell that the model could not finish: a broken invariant, an exception in a variant's hook, or a sweep that
    cannot go on (another one writes to its directory, no cluster at the address)."""


class ResultsError(ValueError):
    """A directory that holds no results of a sweep."""
