"""Compiled kernels on disk: damage is noticed and mended, what others can write is refused, in words."""

import os
import pickle
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from mmrun.model import api
from mmrun.model.core import cpus, kept
from mmrun.model.core.jit import kernel
from mmrun.model.library import main, place, single
from mmrun.model.trace import reuse


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def damages(path: Path, other: bytes):
    """A file's contents, harmed in the ways that power cuts, full disks and strangers have."""
    whole = path.read_bytes()
    yield b""
    yield whole[: len(whole) // 2]
    yield whole[:-1]
    yield whole[:50] + bytes([whole[50] ^ 1]) + whole[51:]
    yield other
    yield zlib.compress(pickle.dumps({"code": b""}))
    yield bytes(len(whole))


def test_a_damaged_file_is_no_file(cache: Path):
    path, neighbour = place.objects() / "code-a", place.objects() / "code-b"
    place.write(path, {"a": b"x" * 1000})
    place.write(neighbour, {"a": b"y" * 1000})
    assert place.read(path) == {"a": b"x" * 1000}
    for damage in list(damages(path, neighbour.read_bytes())):
        path.write_bytes(damage)
        assert place.read(path) is None


def test_damaged_kernels_are_compiled_again(cache: Path):
    @kernel
    def doubled(x):
        return x * 2

    assert doubled(4) == 8
    for path in [path for path in place.objects().iterdir() if path.suffix != ".lock"]:
        for damage in list(damages(path, b"something else")):
            path.write_bytes(damage)
            doubled.memo.clear()
            main_file = main.file_of([(doubled, "i")], main.here())
            assert (place.read(main_file) is None) == (path == main_file)
            assert main.obtain([(doubled, "i")], main.here()).results and place.read(main_file) is not None


def test_damaged_readers_of_traces_are_compiled_again(cache: Path):
    def distances() -> list[int]:
        for fn in (reuse._add, reuse._live_up_to, reuse._compact, reuse._feed):
            fn.overloads.clear()  # as in a new process
        found = reuse.ReuseDistances(npages=3)
        found.feed(np.array([1, 2, 1, 1], np.uint32))
        return found.histogram.tolist()

    right = distances()
    for file in list(place.objects().glob("single-*")):
        for damage in list(damages(file, b"something else")):
            file.write_bytes(damage)
            assert distances() == right


def test_what_others_can_write_is_refused(cache: Path):
    place.write(place.objects() / "code-a", 1)
    for folder in (cache, place.objects()):
        for mode in (0o775, 0o757, 0o1777):
            folder.chmod(mode)
            with pytest.raises(
                kept.Unusable, match=rf"others can write the kernel cache {folder}, .*chmod go-w {folder}"
            ):
                place.read(place.objects() / "code-a")
            with pytest.raises(kept.Unusable, match="NUMBA_CACHE_DIR"), place.locked("code-b"):
                pass
        folder.chmod(0o755)
    assert place.read(place.objects() / "code-a") == 1
    (place.objects() / "code-a").chmod(0o666)
    assert place.read(place.objects() / "code-a") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give files away")
def test_what_belongs_to_somebody_else_is_refused(cache: Path, monkeypatch):
    place.write(place.objects() / "code-a", 1)
    os.chown(place.objects() / "code-a", 1234, -1)
    assert place.read(place.objects() / "code-a") is None
    os.chown(cache, 1234, -1)
    with pytest.raises(kept.Unusable, match="it belongs to user 1234"):
        place.read(place.objects() / "code-a")
    monkeypatch.setattr(os, "geteuid", lambda: 1234)  # to that user, root's files are as good as his own
    assert place.read(place.objects() / "code-a") == 1


def test_directories_are_made_for_their_owner_alone(cache: Path):
    before = os.umask(0o002)
    try:
        place.write(place.objects() / "code-a", 1)
    finally:
        os.umask(before)
    assert place.read(place.objects() / "code-a") == 1


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "kernels"))
    monkeypatch.setattr(main, "SHIPPED", tmp_path)
    with pytest.raises(kept.Unusable, match=r"kernel cache .*file/kernels.*Not a directory.*NUMBA_CACHE_DIR"):
        api.warm()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(kept.Unusable, match="is no directory"):
        api.warm()


def test_a_file_says_under_which_version_of_a_module_it_was_compiled(cache: Path, tmp_path: Path, monkeypatch):
    """The same text elsewhere is the same code; another text, or another import, is other code."""

    def name_of(folder: str, text: str) -> str:
        path = tmp_path / folder / "reader.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        space: dict = {}
        exec(compile(path.read_text(), str(path), "exec"), space)
        return single._Kept(space["f"]).name

    text = "def f(x):\n    return x\n"
    assert name_of("a", text) == name_of("b", text) != name_of("b", "from mmrun.model import units\n" + text)
    assert name_of("a", text) != name_of("a", text.replace("return x", "return x + 1"))


def test_what_nobody_has_used_for_a_day_goes(cache: Path):
    old, used = place.objects() / "single-old", place.objects() / "single-used"
    for path in (old, used):
        place.write(path, 1)
        os.utime(path, (0, time.time() - place.KEPT_SECONDS - 60))
    assert place.read(used) == 1
    place.write(place.objects() / "code-new", 3)
    assert used.exists() and not old.exists()


OLD = "cpu,cpuacct/d/cpu.cfs_quota_us", "cpu,cpuacct/d/cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("groups", "files", "limits"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000", "a/cpu.max": "max 1000", "cpu.max": "4000 1000"}, [1.5, 4.0]),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, [0.5]),
        ("0::/gone\n", {}, []),
        ("4:cpu,cpuacct:/d\n3:cpuset:/d\n", {OLD[0]: "200000", OLD[1]: "100000"}, [2.0]),
        ("4:cpu,cpuacct:/d\n", {OLD[0]: "-1\n", OLD[1]: "100000\n"}, []),
    ],
)
def test_the_quota_of_a_container_counts(tmp_path: Path, monkeypatch, groups, files, limits):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup").write_text(groups)
    assert list(cpus.quotas(tmp_path / "cgroup", tmp_path)) == limits
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr(cpus, "quotas", lambda: iter(limits))
    assert cpus.cores() == {1.5: 2, 0.5: 1, 2.0: 2}.get(limits[0] if limits else None, 8)
