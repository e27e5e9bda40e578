"""What a terminal gets: every character that is printed passes here.

Names, labels and messages come from files that strangers wrote. A control character among them could colour the
screen, set the window's title or type commands into some terminals, so all but line ends and tabs are shown as
escapes; what the terminal's encoding lacks is shown as an escape too.
"""

import codecs
import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# Controls but tab and line end; marks that turn the direction of text; halves of surrogate pairs (bytes of odd names).
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
BREAKS = re.compile("[\n\t]")
REMEDIES = {
    errno.ENOSPC: "free some space; the same command goes on with the rest",
    errno.EDQUOT: "your quota is used up; the same command goes on with the rest",
    errno.EACCES: "check its permissions, or write elsewhere",
    errno.EPERM: "check its permissions, or write elsewhere",
    errno.EROFS: "the file system is read-only; write elsewhere",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a part of the path is a file; move it away, or name another folder",
    errno.EISDIR: "a folder stands where a file is to be; move it away",
    errno.EEXIST: "something else stands there; move it away",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENAMETOOLONG: "shorter names",
    errno.EMFILE: "raise `ulimit -n`",
    errno.ENOMEM: "fewer workers, or a smaller machine",
    errno.EIO: "the disk or the terminal is failing",
}


def escaped(text: str) -> str:
    """The text with control characters as escapes such as `\\x1b`; line ends and tabs stay."""
    return CONTROL.sub(_escape, text)


def one_line(text: str, most: int = 1_000) -> str:
    """The text on one line of at most about `most` characters, without control characters."""
    short = text if len(text) <= most else f"{text[: most * 2 // 3]} ... {text[-most // 4 :]}"
    return BREAKS.sub(_escape, escaped(short))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return {"\n": "\\n", "\t": "\\t"}.get(found[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def in_words(error: OSError) -> str:
    """An error of the system as a sentence: which file, what is wrong, what helps."""
    where = one_line(os.fsdecode(error.filename)) + ": " if isinstance(error.filename, str | bytes) else ""
    remedy = REMEDIES.get(error.errno or 0, "")
    return where + (error.strerror or str(error)) + (f" ({remedy})" if remedy else "")


class Screen:
    """A text stream that escapes what is written to it and says which stream it is when it fails."""

    def __init__(self, stream: Any, name: str) -> None:
        self.stream, self.name = stream, name
        with suppress(AttributeError, ValueError):  # a stream of another kind, or a closed one
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    @property
    def encoding(self) -> str:
        """The stream's, but never ASCII: the command line's library would write around such a stream, unescaped."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return "utf-8" if codecs.lookup(encoding).name == "ascii" else encoding

    def write(self, text: str) -> int:
        """Write the text, escaped."""
        with self._named():
            self.stream.write(escaped(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write all the lines, escaped."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what is buffered."""
        with self._named():
            self.stream.flush()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = error.filename or self.name
            raise


def unescaped(stream: Any) -> Any:
    """The stream below a screen, for those who draw with control characters of their own."""
    return stream.stream if isinstance(stream, Screen) else stream


@contextmanager
def screens() -> Iterator[None]:
    """Let everything that is printed pass through screens."""
    before = sys.stdout, sys.stderr
    names = ("standard output", "standard error")
    made = [stream and Screen(unescaped(stream), name) for stream, name in zip(before, names, strict=True)]
    sys.stdout, sys.stderr = made
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def give_up(stream: Any) -> None:
    """Let what a stream still holds go nowhere, so that nobody complains about it when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()
