"""A policy is its file and all it imports: found without running it, run apart from others, named by contents."""

import sys
from pathlib import Path

import pytest

from mmrun.model import api, registry
from mmrun.model.core.guard import ModelError
from mmrun.model.description import Variant
from mmrun.model.sources import outside
from mmrun.model.sources.variant_check import faults
from tests.model.test_outside_variant import cell

POLICY = '''"""First in, first out, with helpers."""

from mmrun.policy import KEEP, RECLAIM_PAGE, hook
IMPORT

SOURCE = "textbooks"
BASE = "cost-balanced"


@hook
def check_references(m, frame, young, executable):
    return KEEP if LIMIT > 0 else RECLAIM_PAGE
'''
WAYS = {
    "from": "from consts import LIMIT",
    "module": "import consts\nLIMIT = consts.LIMIT",
    "package": "import parts.deep.numbers\nLIMIT = parts.deep.numbers.LIMIT",
    "alias": "import parts.deep.numbers as n\nLIMIT = n.LIMIT",
    "submodule": "from parts.deep import numbers\nLIMIT = numbers.LIMIT",
    "relative": "from parts.relative import LIMIT",
    "star": "from consts import *",
    "in a function": "def late():\n    import consts\n    return consts.LIMIT\nLIMIT = late()",
}
FILES = {
    "parts/__init__.py": "",
    "parts/relative.py": "from .deep.numbers import LIMIT\nfrom . import deep\n",
    "parts/deep/numbers.py": "from consts import LIMIT\n",  # `deep` is a folder without a file of its own
}


def written(folder: Path, how: str = WAYS["from"], limit: int = 0) -> Variant:
    for name, text in {**FILES, "consts.py": f"LIMIT = {limit}\n", "mine.py": POLICY.replace("IMPORT", how)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Variant(variant="mine", file=str(folder / "mine.py"))


def outcome(variant: Variant) -> object:
    """Nothing can be evicted where every page is kept."""
    return api.simulate(cell(variant, 3000)).metrics["outcome"]


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_what_is_imported_counts_at_once_however_it_is_imported(tmp_path: Path, how: str):
    """In the digest, the fingerprint and the machine code; in one process and with files of one size."""
    seen = []
    for limit, expected in ((0, "ok"), (1, "oom"), (0, "ok")):
        variant = written(tmp_path, how, limit)
        assert faults("lru", str(tmp_path / "mine.py")) == []
        assert outcome(variant) == expected
        seen.append((outside.read(tmp_path / "mine.py").digest, api.fingerprint(cell(variant))))
    assert seen[0] == seen[2] and not set(seen[0]) & set(seen[1])
    assert str(tmp_path) not in sys.path and not {"consts", "parts"} & sys.modules.keys()


def test_two_policies_with_helpers_of_one_name_have_each_their_own(tmp_path: Path):
    keep, drop = written(tmp_path / "a", limit=1), written(tmp_path / "b", limit=0)
    assert [outcome(keep), outcome(drop), outcome(keep)] == ["oom", "ok", "oom"]


def test_a_helper_on_pythons_path_counts_too_and_the_policys_folder_comes_first(tmp_path: Path, monkeypatch):
    elsewhere, own = tmp_path / "elsewhere", tmp_path / "own"
    variant = written(own, "from shared import LIMIT")
    assert [fault.message for fault in faults("lru", str(own / "mine.py"))] == ["no module `shared`"]
    elsewhere.mkdir()
    (elsewhere / "shared.py").write_text("LIMIT = 1\n")
    monkeypatch.syspath_prepend(elsewhere)
    assert outcome(variant) == "oom"
    before = api.fingerprint(cell(variant))
    (elsewhere / "shared.py").write_text("LIMIT = 0\n")
    assert outcome(variant) == "ok" and api.fingerprint(cell(variant)) != before
    (own / "shared.py").write_text("LIMIT = 2\n")
    assert outcome(variant) == "oom"


def test_the_digest_is_of_contents_not_of_places(tmp_path: Path):
    here, there = (outside.read(str(written(tmp_path / name, WAYS["relative"]).file)) for name in ("here", "there"))
    assert here.digest == there.digest and set(here.sources) == {
        "", "consts", "parts.__init__", "parts.relative", "parts.deep.numbers",
    }  # fmt: skip
    copy = tmp_path / "copy"
    for name, text in here.layout().items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(text)
    assert outside.read(copy / "mine.py").digest == here.digest
    (copy / "unused.py").write_text("LIMIT = 3\n")
    assert outside.read(copy / "mine.py").digest == here.digest


def test_installed_packages_count_by_their_version(tmp_path: Path):
    found = outside.read(str(written(tmp_path, "import math, numpy, yaml\nfrom consts import LIMIT").file))
    assert set(found.sources) == {"", "consts"} and found.missing == []
    assert list(found.distributions) == ["yaml"] and found.distributions["yaml"].startswith("PyYAML ")


def test_what_is_only_perhaps_imported_may_be_missing(tmp_path: Path):
    how = "try:\n    import nosuch\nexcept ImportError:\n    from consts import LIMIT\n"
    how += "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import typed"
    path = str(written(tmp_path, how).file)
    assert faults("lru", path) == []
    before = outside.read(path).digest
    (tmp_path / "nosuch.py").write_text("LIMIT = 1\n")
    assert outside.read(path).digest != before


@pytest.mark.parametrize(
    ("how", "line", "words", "fix"),
    [
        ("import nosuch\nLIMIT = 1", 4, "no module `nosuch`", "put nosuch.py beside this file"),
        ("import parts.nosuch\nLIMIT = 1", 4, "no module `parts.nosuch`", "put parts.nosuch.py beside this file"),
        ("from consts import LIMITS as LIMIT", 4, "`consts` has no `LIMITS`", "did you mean `LIMIT`?"),
        ("from broken import LIMIT", 1, "no module `absent`, which ", "put absent.py beside it"),
    ],
)
def test_an_import_that_leads_nowhere_is_found_by_reading(tmp_path: Path, how: str, line: int, words: str, fix: str):
    path = str(written(tmp_path, how).file)
    (tmp_path / "broken.py").write_text("import absent\nLIMIT = 1\n")
    (found,) = faults("lru", path)
    assert (found.line, found.fix) == (line, fix) and found.message.startswith(words)


def test_what_the_text_does_not_show_is_refused(tmp_path: Path, monkeypatch):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "hidden_one.py").write_text("LIMIT = 1\n")
    monkeypatch.syspath_prepend(tmp_path / "path")
    variant = written(tmp_path, "import importlib\nLIMIT = importlib.import_module('hidden_one').LIMIT")
    with pytest.raises(ModelError, match=r"hidden_one was imported in a way that cannot be read"):
        registry.load("lru", variant)
    monkeypatch.delitem(sys.modules, "hidden_one")


def test_an_exception_in_a_helper_is_told_with_its_place(tmp_path: Path):
    how = "from helped import share\nfrom consts import LIMIT"
    variant = written(tmp_path, how)
    (tmp_path / "helped.py").write_text(
        "from mmrun.policy import kernel\n\n\n@kernel\ndef share(m, n):\n    return 1 // n\n"
    )
    text = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace("KEEP if LIMIT > 0 else RECLAIM_PAGE", "share(m, LIMIT)"))
    with pytest.raises(ModelError, match=r"helped\.py:6: ZeroDivisionError.*hook check_references"):
        api.simulate(cell(variant, 3000))
