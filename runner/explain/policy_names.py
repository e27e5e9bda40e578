"""The names of `mmrun.policy` with a line each, read from its text: a table of docs/api.md."""

import re

from mmrun.model.core.cache import module_file
from mmrun.runner.explain.markdown import code, table

GROUP = re.compile(r"    # (.+)")
NAME = re.compile(r'    "(\w+)",  # (.+)')
START, END = "<!-- names:start -->", "<!-- names:end -->"


def groups() -> dict[str, dict[str, str]]:
    """Title of a group -> name -> what it is."""
    file = module_file("mmrun.policy")
    text = file.read_text(encoding="utf-8") if file else ""
    found: dict[str, dict[str, str]] = {}
    for line in text.partition("__all__ = [")[2].splitlines()[1:]:
        if named := NAME.fullmatch(line):
            found[list(found)[-1]][named[1]] = named[2]
        elif title := GROUP.fullmatch(line):
            found[title[1]] = {}
    return found


def section() -> str:
    """The tables, group by group."""
    lines = []
    for title, names in groups().items():
        lines += [f"### {title}", "", *table(("name", "is"), ((code(name), doc) for name, doc in names.items()))]
    return "\n".join(lines).strip()


def filled(page: str) -> str:
    """A page with the tables between its marks."""
    head, _, rest = page.partition(START)
    return f"{head}{START}\n{section()}\n{END}{rest.partition(END)[2]}" if rest else page
