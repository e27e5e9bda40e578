"""Results of the front end, kept on disk: an entry counts while its own code and its callees' results are the same."""

import time
from collections.abc import Iterable
from pathlib import Path

from mmrun.model.core.cache import checked
from mmrun.model.core.jit import Hook, Kernel
from mmrun.model.library import place
from mmrun.model.library.entry import Entry, Use
from mmrun.model.library.key import callees, digest, name, standard, version
from mmrun.model.library.machine import versions
from mmrun.model.library.sources import front_sources


def front_path() -> Path:
    """The file of all front-end results of these versions of interpreter, packages and of this package."""
    return place.objects() / f"front-{digest(f'{versions()} {checked()} {front_sources()}')}"


class Store:
    """Entries by version. `fresh` tells those apart that still hold."""

    def __init__(self) -> None:
        kept: dict[str, tuple[int, Entry]] = place.read(front_path()) or {}
        self.entries = {version: entry for version, (_, entry) in kept.items()}
        self.known: dict[tuple[Kernel | Hook, str], Entry | None] = {}

    def fresh(self, of: Kernel | Hook, arguments: str | None = None) -> Entry | None:
        """The entry of a kernel for arguments of these types, None where it has to be compiled."""
        which = of, standard(of) if arguments is None else arguments
        if which not in self.known:
            entry = self.entries.get(version(*which))
            holds = entry is not None and all(self._as_before(of, use) for use in entry.uses)
            self.known[which] = entry if holds else None
        return self.known[which]

    def _as_before(self, of: Kernel | Hook, use: Use) -> bool:
        callee = callees(of).get(use.name)
        entry = self.fresh(callee, use.arguments) if callee is not None else None
        return entry is not None and entry.result == use.result

    def add(self, entries: Iterable[Entry]) -> None:
        """Take what has been compiled."""
        self.entries |= {entry.version: entry for entry in entries}
        self.known.clear()

    def facts(self) -> dict[str, bytes]:
        """Result types, pickled, of all fresh entries that have been asked for."""
        return {entry.version: entry.restype for entry in self.known.values() if entry is not None and entry.restype}

    def closure(self, roots: Iterable[tuple[Kernel | Hook, str]]) -> dict[str, Entry]:
        """Entries by symbol of the roots and of all they call; KeyError if one is missing."""
        found: dict[str, Entry] = {}
        todo = list(roots)
        while todo:
            of, arguments = todo.pop()
            entry = self.fresh(of, arguments)
            if entry is None or not entry.restype:
                raise KeyError(name(of))
            if entry.symbol not in found:
                found[entry.symbol] = entry
                todo += [(callees(of)[use.name], use.arguments) for use in entry.uses]
        return found

    def save(self) -> None:
        """Keep the entries, with those that others have added meanwhile, without those nobody has used for a day."""
        today = int(time.time() // place.KEPT_SECONDS)
        used = {entry.version for entry in self.known.values() if entry is not None}
        with place.locked("front"):
            kept: dict[str, tuple[int, Entry]] = place.read(front_path()) or {}
            kept |= {version: (today, entry) for version, entry in self.entries.items()
                     if version in used or version not in kept}  # fmt: skip
            place.write(front_path(), {which: pair for which, pair in kept.items() if pair[0] >= today - 1})
