"""What is wrong with a configuration, where, and what to write instead; collected, so that one run shows everything."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mmrun.model.rules.words import suggest as suggest
from mmrun.runner.terminal import one_line

SHOWN = 200  # more errors than this help nobody; the rest is counted


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A position in a configuration file; line and column count from 1, line 0 is the file as a whole."""

    file: Path
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)


@dataclass(frozen=True, order=True, slots=True)
class ConfigError:
    """One error: the file, the position (line 0: the whole file), what is wrong, and what to do."""

    file: Path
    line: int
    column: int
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{one_line(str(Place(self.file, self.line, self.column)))}: {one_line(self.message)}"
        return f"{text} ({one_line(self.fix)})" if self.fix else text


class ConfigErrors(Exception):
    """Every error of a configuration, in file order; `str()` prints one a line."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = sorted(set(errors))
        super().__init__(self.errors)

    def __str__(self) -> str:
        lines = [str(error) for error in self.errors[:SHOWN]]
        if len(self.errors) > SHOWN:
            lines.append(f"... and {len(self.errors) - SHOWN} more errors")
        return "\n".join(lines)


class EnvironmentProblem(Exception):
    """Something outside the configuration stands in the way (no Ray, a full disk): the CLI prints it and exits 3."""


class Problems:
    """Collects errors while reading goes on."""

    def __init__(self) -> None:
        self.errors: dict[ConfigError, None] = {}

    def add(self, place: Place, message: str, fix: str = "") -> None:
        """Note one error; the same error at the same place counts once."""
        self.errors[ConfigError(place.file, place.line, place.column, message, fix)] = None

    def raise_if_any(self) -> None:
        """Raise `ConfigErrors` when something was noted."""
        if self.errors:
            raise ConfigErrors(self.errors)

    def __len__(self) -> int:
        return len(self.errors)
