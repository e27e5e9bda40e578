"""A valid text with one thing wrong in it."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Edited:
    """`old` in the valid text replaced by `new`: the line of the error and words of its message."""

    valid: ClassVar[str]
    old: str
    new: str
    words: str
    line: int = 0

    def text(self) -> str:
        """The malformed file."""
        assert self.old in self.valid, self.old
        return self.valid.replace(self.old, self.new, 1)

    def expected_line(self) -> int:
        """The line of the change, unless said otherwise."""
        return self.line or self.valid[: self.valid.index(self.old)].count("\n") + 1
