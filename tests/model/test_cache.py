"""Compiled kernels on disk: a version of the code never finds what another one compiled."""

import os
import time
from pathlib import Path

import pytest

from mmrun.model.core.cache_locator import KEPT_SECONDS, ImportClosureLocator, _forget_others


def located(source: Path, text: str) -> ImportClosureLocator:
    """The locator of a function in a file with this text."""
    source.write_text(text, encoding="utf-8")
    return ImportClosureLocator.from_function(located, str(source))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    return tmp_path / "module.py"


def test_every_version_of_a_module_has_a_directory_of_its_own(module):
    first, second = located(module, "A = 1\n"), located(module, "A = 2\n")
    assert first.get_cache_path() != second.get_cache_path()
    assert first.get_source_stamp() != second.get_source_stamp()
    assert located(module, "A = 1\n").get_cache_path() == first.get_cache_path()
    assert Path(first.get_cache_path()).is_dir() and Path(second.get_cache_path()).is_dir()


def test_what_other_versions_compiled_is_forgotten_after_a_day(module):
    old = Path(located(module, "A = 1\n").get_cache_path())
    (old / "kernel.nbc").write_bytes(b"code")
    young = Path(located(module, "A = 2\n").get_cache_path())
    neighbour = Path(located(module.with_name("module_of_mine.py"), "A = 1\n").get_cache_path())
    for directory in (old, neighbour):
        os.utime(directory, (0, time.time() - KEPT_SECONDS - 60))
    _forget_others.cache_clear()
    located(module, "A = 3\n")
    assert not old.exists() and young.exists() and neighbour.exists()
