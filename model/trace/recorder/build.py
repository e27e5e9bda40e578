"""Making the tool out of `pages.c`, with the system's compiler and the libraries that valgrind brings for tools."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from mmrun.model.core.frozen import frozen
from mmrun.model.library import place

SOURCE = Path(__file__).with_name("pages.c")
ARCHES = ("amd64", "arm64")  # whose programs have 64 bits and 4 KiB pages
FLAGS = (
    "-O2", "-std=gnu99", "-fno-stack-protector", "-fno-strict-aliasing", "-fno-builtin", "-fno-pie", "-no-pie",
    "-fomit-frame-pointer",
)  # fmt: skip
ALONE = ("-static", "-nodefaultlibs", "-nostartfiles", "-no-pie", "-u", "_start", "-Wl,--build-id=none")


class NoTool(Exception):
    """The tool cannot be made here; the text says what is missing."""


@frozen
class Kit:
    """What valgrind brings for tools: its compiled core, headers, and where its own tools are."""

    platform: str
    arch: str
    libraries: Path
    headers: Path
    address: str
    """Where a tool is loaded."""
    tools: Path
    compiler: str


def kit() -> Kit:
    """What there is on this machine. Raises NoTool."""
    valgrind, compiler = shutil.which("valgrind"), shutil.which("cc")
    if valgrind is None or compiler is None:
        raise NoTool(f"{'valgrind' if valgrind is None else 'cc, a C compiler,'} is not installed")
    prefix = Path(valgrind).resolve().parent.parent
    found = _first(prefix, ("lib/*/pkgconfig/valgrind.pc", "lib*/pkgconfig/valgrind.pc"))
    tools = _first(
        prefix, ("libexec/valgrind/default.supp", "lib*/valgrind/default.supp", "lib/*/valgrind/default.supp")
    )
    if found is None or tools is None:
        raise NoTool("valgrind's libraries for tools are not installed (Fedora: valgrind-devel)")
    told = _variables(found)
    arch, platform = told.get("arch", ""), told.get("platform", "")
    libraries, headers = Path(told.get("libdir", ""), "valgrind"), Path(told.get("includedir", ""))
    if arch not in ARCHES or not (libraries / f"libcoregrind-{platform}.a").is_file():
        raise NoTool(f"valgrind's libraries for tools are not there for {arch or 'this machine'}")
    return Kit(platform, arch, libraries, headers, told.get("valt_load_address", ""), tools.parent, compiler)


def _first(prefix: Path, patterns: tuple[str, ...]) -> Path | None:
    return next((path for pattern in patterns for path in sorted(prefix.glob(pattern))), None)


def _variables(path: Path) -> dict[str, str]:
    """The variables of a file for pkg-config, put into each other."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, sign, value = line.partition("=")
        if sign and name.isidentifier():
            for known, text in found.items():
                value = value.replace(f"${{{known}}}", text)
            found[name] = value.strip()
    return found


def tool(own: Kit) -> bytes:
    """The tool as a program, made now if that has not been done. Raises NoTool."""
    key = hashlib.sha256(SOURCE.read_bytes())
    for path in (own.libraries / f"libcoregrind-{own.platform}.a", Path(own.compiler)):
        found = path.stat()
        key.update(f"{path} {found.st_size} {found.st_mtime_ns} {own}".encode())
    path = place.objects() / f"recorder-{key.hexdigest()[:32]}"
    made = place.read(path)
    if made is None:
        made = _made(own)
        place.write(path, made)
    return bytes(made)


def _made(own: Kit) -> bytes:
    with tempfile.TemporaryDirectory(prefix="mmrun-recorder-") as folder:
        out = Path(folder, "tool")
        defined = [f"-DVGA_{own.arch}=1", "-DVGO_linux=1", f"-DVGP_{own.arch}_linux=1"]
        defined.append(f"-DVGPV_{own.arch}_linux_vanilla=1")
        names = [f"coregrind-{own.platform}", f"vex-{own.platform}", f"gcc-sup-{own.platform}"]
        there = [f"-l{name}" for name in names if (own.libraries / f"lib{name}.a").is_file()]
        words = [own.compiler, *FLAGS, *defined, f"-I{own.headers}", "-o", str(out), str(SOURCE), *ALONE]
        words += [f"-Wl,-Ttext-segment={own.address}", f"-L{own.libraries}", *there, "-lgcc"]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace")
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[-200:])
            raise NoTool(f"{own.compiler} could not make it: {said.strip()}")
        return out.read_bytes()


def prepare(folder: Path) -> Path:
    """Lay the tool beside valgrind's own files in `folder`; the directory to name to valgrind. Raises NoTool."""
    own = kit()
    program = tool(own)
    for path in own.tools.iterdir():
        (folder / path.name).symlink_to(path)
    target = folder / f"pages-{own.platform}"
    target.write_bytes(program)
    target.chmod(0o755)
    return folder
