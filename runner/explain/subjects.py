"""What people ask for that is no name of ours: subjects and aliases that mechanisms declare in their settings.py."""

from collections.abc import Iterator
from functools import cache

from mmrun.model.core.mechanism import Subject
from mmrun.model.description import Device, Disk, SwapTarget
from mmrun.model.mechanisms import parts
from mmrun.model.rules.bounds import hints
from mmrun.model.rules.record import kinds
from mmrun.runner.explain.entry import Entry

KIND = "subject"
OF_THE_RUNNER = (
    Subject(
        "series",
        "Counters along a run: written when `sampling` is set, one row a sample, into series.parquet of the results or "
        "as rates with `mmrun run --series 10ms --series-out FILE.csv`. Figures of `kind: series` draw them: `x` is "
        "`time_ns` or `access`, `y` a column or what is computed from columns.",
        ("sampling.every", "sampling.accesses", "report.figures.kind"), ("samples", "time series"),
    ),
    Subject(
        "kernels", "Versions of Linux, by name in `kernel:`; each is put together from what changed when.", ("eras",),
        ("versions", "kernel versions", "linux"),
    ),
    Subject(
        "sequential stopping", "A pilot says how many replicates each row needs: `replicates.until`.",
        ("replicates.until",), ("stopping rule", "half width"),
    ),
)  # fmt: skip


@cache
def subjects() -> dict[str, Subject]:
    """Every subject by its name and by each of its other words, in small letters."""
    declared = [*OF_THE_RUNNER, *(each for part in parts("settings") for each in getattr(part, "SUBJECTS", ()))]
    found = {word.lower(): each for each in declared for word in each.also}
    return found | {each.name.lower(): each for each in declared}


def subject(name: str) -> Subject | None:
    """The subject that is called so; files under /proc and /sys by their last part."""
    return subjects().get(name.lower().rstrip("/").rpartition("/")[2].replace("_", " ")) or subjects().get(plain(name))


def plain(name: str) -> str:
    """A name as it is looked up: `/proc/sys/vm/swappiness` is `vm.swappiness`, other files are their last part."""
    if name.startswith(("/proc/sys/", "/sys/", "/proc/")):
        rest = name.removeprefix("/proc/sys/").rstrip("/")
        return rest.replace("/", ".") if rest.startswith("vm/") else rest.rpartition("/")[2].lower()
    return name.lower()


def entry(found: Subject) -> Entry:
    """A subject as it is explained."""
    see = f"\nsee: {', '.join(found.see)}" if found.see else ""
    return Entry(found.name, KIND, found.text + see)


def family_kinds() -> Iterator[Entry]:
    """The kinds of disks, swap areas and devices, with their fields."""
    for what, family in (("disk", Disk), ("swap area", SwapTarget), ("device", Device)):
        for name, kind in kinds(family).items():
            fields = ", ".join(field for field in hints(kind) if field != "kind")
            yield Entry(name, f"kind of {what}", f"{(kind.__doc__ or '').strip()}\nfields: {fields}")


def entries() -> Iterator[Entry]:
    """Every subject."""
    yield from (entry(each) for each in dict.fromkeys(subjects().values()))
