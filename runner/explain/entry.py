"""One name that can be explained, and how that prints."""

import textwrap

from mmrun.model.core.frozen import frozen

WIDTH = 100
BROKEN_AT = 100  # a line of a source file that goes on in the next one is nearly as long as lines may be


@frozen
class Entry:
    """What is known about one name."""

    name: str
    kind: str
    text: str
    unit: str = ""
    default: str = ""
    source: str = ""
    range: str = ""
    type: str = ""
    read: tuple[str, ...] = ()
    """Places that read it, as file:line."""
    field: str = ""
    """`Class.field` of a key of the experiment file."""

    def facts(self) -> list[tuple[str, str]]:
        """What there is beside the text, by label."""
        known = [
            ("type", self.type), ("unit", self.unit), ("default", self.default), ("range", self.range),
            ("source", self.source), ("read in", ", ".join(self.read)),
        ]  # fmt: skip
        return [(label, value) for label, value in known if value]

    def __str__(self) -> str:
        head = f"{self.name}: {self.kind}"
        return "\n".join([head, *wrapped(self.text), *(f"  {label}: {value}" for label, value in self.facts())])


def wrapped(text: str) -> list[str]:
    """A text in indented lines; paragraphs, lists and drawings keep their shape."""
    lines: list[str] = []
    for line in joined(text.splitlines()):
        if len(line) + 2 <= WIDTH:
            lines.append("  " + line if line else "")
            continue
        lead = len(line) - len(line.lstrip())
        further = " " * (lead + 4 if lead else 2)
        lines += textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent=further, break_on_hyphens=not lead)
    return lines


def joined(lines: list[str]) -> list[str]:
    """The lines with those joined that only the width of a source file set apart."""
    found: list[str] = []
    broken = False
    for line in lines:
        if broken and line[:1].isalnum():
            found[-1] += f" {line}"
        else:
            found.append(line)
        broken = len(line) > BROKEN_AT and line[:1].strip() != "" and line[-1] not in ".:;)"
    return found
