"""What files of a result directory were made of (`made.json`): what would come out the same is left alone."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mmrun.runner
from mmrun.model.files import open_regular, read_regular
from mmrun.runner.store.store import write_changed

MOST = 1 << 26  # bytes of notes that are read
PACKAGES = ("mmrun", "numpy", "scipy", "pyarrow", "matplotlib")
MOST = 1 << 26  # bytes of notes


class Made:
    """The notes of a directory: by name, of what some files were made and what came out, as digests."""

    def __init__(self, out: Path) -> None:
        self.out, self.path = out, out / "made.json"
        try:
            found = json.loads(read_regular(self.path, MOST))
        except (OSError, ValueError, RecursionError):
            found = None
        self.notes: dict[str, Any] = found if isinstance(found, dict) else {}

    def fresh(self, name: str, of: str) -> list[Path] | None:
        """The files of this name, if they were made of just this, by this code, and have not been touched since."""
        note = self.notes.get(name)
        if not isinstance(note, dict) or note.get("of") != f"{code()} {of}" or not isinstance(note.get("files"), dict):
            return None
        if not all(ours(name) for name in note["files"]):
            return None
        files = {self.out / path: digest for path, digest in note["files"].items()}
        return list(files) if all(contents(path) == digest for path, digest in files.items()) else None

    def of(self, name: str) -> str:
        """What the files of this name were made of, '' where nothing is known."""
        note = self.notes.get(name)
        return str(note.get("of", "")).partition(" ")[2] if isinstance(note, dict) else ""

    def note(self, name: str, of: str, files: Iterable[Path]) -> None:
        """Note what the files were made of."""
        found = {str(path.relative_to(self.out)): contents(path) for path in files}
        self.notes[name] = {"of": f"{code()} {of}", "files": found}
        write_changed(self.path, (json.dumps(self.notes, indent=1, sort_keys=True) + "\n").encode())


def ours(name: str) -> bool:
    """Whether a name that a note has can be that of a file of the directory."""
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def contents(path: Path) -> str:
    """Digest of a file, '' where it cannot be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@cache
def code() -> str:
    """Digest of the runner's own files, and of the versions of what tables and figures are drawn with."""
    digest = hashlib.sha256()
    home = Path(mmrun.runner.__file__).parent
    for path in sorted(home.rglob("*.py")):
        digest.update(str(path.relative_to(home)).encode() + b"\0" + path.read_bytes())
    for package in PACKAGES:
        try:
            digest.update(version(package).encode())
        except PackageNotFoundError:
            continue
    return digest.hexdigest()[:20]
