"""The reference pages, `docs/reference/`, made from what `mmrun explain` knows: `mmrun explain --all DIR`.

Pages name files and functions but no lines, so that they change only when what they say does.
"""

from collections.abc import Callable
from pathlib import Path

from mmrun.runner.explain import policy_names, reference_kernel, reference_pages

PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "policies.md": ("policy axes, their variants, and the parameters of each", reference_pages.policies),
    "fields.md": ("every key of an experiment file: type, default, range", reference_pages.fields),
    "streams.md": ("workload generators and their parameters", reference_pages.streams),
    "sysctls.md": ("settings under /proc/sys/vm and of memory groups, by version", reference_kernel.sysctls),
    "counters.md": ("every number a run reports, and what is computed from it", reference_pages.counters),
    "costs.md": ("what each step of the kernel costs", reference_pages.costs),
    "hooks.md": ("the hooks that variants define: arguments, answers, callers", reference_pages.hooks),
    "kernel-map.md": ("from a function of the kernel to the file that stands for it", reference_kernel.functions),
    "versions.md": ("which versions of Linux were validated, and what changed when", reference_kernel.versions),
}
HEAD = "<!-- Made by `mmrun explain --all docs/reference`; edit what it says where it is declared. -->"


def pages() -> dict[str, str]:
    """Every page by file name."""
    found = {name: page(make()) for name, (_, make) in PAGES.items()}
    return {"README.md": page(index()), **found}


def page(body: str) -> str:
    """A page as it is written."""
    return f"{HEAD}\n\n{body.strip()}\n"


def index() -> str:
    """The page that leads to the others."""
    lines = [f"- [{name.removesuffix('.md')}]({name}): {doc}" for name, (doc, _) in PAGES.items()]
    return "\n".join([
        "# Reference", "",
        "Everything that has a name in an experiment file, in a result or in a variant's file. `mmrun explain NAME` "
        "tells the same of one name, with the lines of code that stand for it.", "", *lines,
    ])  # fmt: skip


def write(directory: Path) -> list[Path]:
    """Write every page into the directory; pages that are no longer made go."""
    directory.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in directory.glob("*.md"):
        if old.name not in made and old.read_text(encoding="utf-8").startswith(HEAD):
            old.unlink()
    for name, text in made.items():
        (directory / name).write_text(text, encoding="utf-8")
    beside = directory.parent / "api.md"
    if beside.is_file() and policy_names.START in (text := beside.read_text(encoding="utf-8")):
        beside.write_text(policy_names.filled(text), encoding="utf-8")
    return [directory / name for name in made]
