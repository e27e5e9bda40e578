"""Tables and words of Markdown pages."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, each row one line; nothing where there are no rows."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    if not lines:
        return []
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines, ""]


def cell(text: str) -> str:
    """A text as it may stand in a cell."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if place % 2 else part.replace("<", "\\<") for place, part in enumerate(parts))


def code(text: str) -> str:
    """A name, set as code."""
    return f"`{text}`" if text else ""


def anchor(heading: str) -> str:
    """Where a link to a heading leads."""
    kept = "".join(char for char in heading.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")


def link(text: str, page: str, heading: str = "") -> str:
    """A link to a heading of a page."""
    return f"[{text}]({page}{'#' * bool(heading)}{anchor(heading)})"


def paragraphs(doc: str) -> list[str]:
    """A docstring as paragraphs; lists and drawings keep their lines."""
    return [line.rstrip() for line in doc.strip().splitlines()] + [""]
