"""The example of docs/mechanism in a copy of the tree: one line is edited elsewhere, and it appears everywhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAST = '"mm.slab",'
KEYS = """
import json
from mmrun.model.library import schedule
from mmrun.model.library.key import key, name
from mmrun.model.library.main import roots
print(json.dumps({name(one): key(one) for one in schedule.reachable(of for of, _ in roots())}))
"""
CONFIG = """
experiment: scrubbed
kernel: "6.18"
machine: {nodes: [{memory: 16MiB}]}
tasks: {t: {stream: {kind: loop, size: 1MiB, accesses: 40000}, think: 1us}}
vm: {scrub_pages_per_ms: RATE}
policy: {scrub: {variant: in-order, stride: 3}}
"""

MISCOUNTED = """
import sys
from types import SimpleNamespace
from mmrun.model.mm.scrub import check
from mmrun.runner.cli import main
check.scrub_count = lambda m: SimpleNamespace(pages_scrubbed=0)
sys.exit(main(sys.argv[1:]))
"""
EXPLAIN = """
import sys
from mmrun.runner.cli import main
for name in sys.argv[1:]:
    main(["explain", name])
    print("---", flush=True)
"""


def call(site: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python with the tree at `site` as the package `mmrun`, else with the one that is installed."""
    path = os.pathsep.join(map(str, [site, ROOT] if site else [ROOT]))
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=site or ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )


def mmrun(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return call(site, "-m", "mmrun.runner.cli", *arguments)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the package `mmrun` in it, the example added."""
    home = tmp_path_factory.mktemp("site")
    skip = shutil.ignore_patterns("__pycache__", "shipped")
    shutil.copytree(ROOT / "mmrun", home / "mmrun", ignore=skip)
    for folder in ("model", "runner", "configs"):
        shutil.copytree(ROOT / folder, home / "mmrun" / folder, ignore=skip)
    shutil.copytree(ROOT / "docs" / "mechanism" / "scrub", home / "mmrun" / "model" / "mm" / "scrub")
    index = home / "mmrun" / "model" / "mechanisms.py"
    text = index.read_text(encoding="utf-8")
    assert text.count(LAST) == 1
    index.write_text(text.replace(LAST, '"mm.slab", "mm.scrub",'))
    return home


def test_only_kernels_of_its_own_are_compiled(site: Path):
    before, after = (json.loads(call(home, "-c", KEYS).stdout) for home in (None, site))
    assert len(before) > 900
    assert not {name for name, key in before.items() if after.get(name) != key}, "none of the others is compiled again"
    new = {name.rpartition(".")[2].split("#")[0] for name in after.keys() - before.keys()}
    assert {"scrubd", "next_frame"} <= new and len(after) - len(before) <= 4


def test_it_appears_in_schema_explanations_and_reference(site: Path, tmp_path: Path):
    vm = json.loads(mmrun(site, "schema").stdout)["definitions"]["Sysctl"]["properties"]["scrub_pages_per_ms"]
    assert "1000" in json.dumps(vm) and "reads in a millisecond" in json.dumps(vm)
    wanted = {
        "scrub_pages_per_ms": "default: 16", "pages_scrubbed": "pages that scrubbers read", "scrub": "in-order",
        "next_frame": "scrub/in-order", "scrub/in-order": "stride", "scrub_page": "64 cache lines",
    }  # fmt: skip
    told = call(site, "-c", EXPLAIN, *wanted).stdout.split("---\n")
    for (name, words), text in zip(wanted.items(), told, strict=False):
        assert words in text, name
    assert len(told) == len(wanted) + 1
    assert mmrun(site, "explain", "--all", str(tmp_path)).returncode == 0
    pages = {path.stem: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    found = {"policies": "in-order", "counters": "pages_scrubbed", "costs": "scrub_page", "hooks": "next_frame",
             "sysctls": "scrub_pages_per_ms"}  # fmt: skip
    assert all(words in pages[page] for page, words in found.items())


@pytest.mark.parametrize(("rate", "words"), [("0", "1 to 1000"), ("1001", "1 to 1000"), ("many", "whole number")])
def test_check_holds_its_range(site: Path, tmp_path: Path, rate: str, words: str):
    config = tmp_path / "scrubbed.yaml"
    config.write_text(CONFIG.replace("RATE", rate))
    done = mmrun(site, "check", str(config))
    assert done.returncode == 2 and words in done.stderr and "scrubbed.yaml:6:" in done.stderr, done.stderr


def test_its_daemon_works_and_its_law_holds(site: Path, tmp_path: Path):
    config = tmp_path / "scrubbed.yaml"
    config.write_text(CONFIG.replace("RATE", "8"))
    done = mmrun(site, "run", str(config), "--check", "--json")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)["metrics"]
    assert metrics["pages_scrubbed"] == 8 * -(-metrics["elapsed_ns"] // 1_000_000)
    done = call(site, "-c", MISCOUNTED, "run", str(config), "--check")
    assert done.returncode == 1 and "0 pages are counted as scrubbed" in done.stderr


def test_tests_that_all_mechanisms_must_pass_hold_it_too(site: Path):
    tests = [str(ROOT / "tests" / "model" / name) for name in ("test_registry.py", "test_timeline.py")]
    options = ("-q", "-x", "-p", "no:cacheprovider", "-o", "pythonpath=", "-n", "0", "--rootdir", str(ROOT))
    done = call(site, "-m", "pytest", *options, *tests)
    assert done.returncode == 0, done.stdout[-2000:]
    told = call(site, "-c", "from mmrun.model import registry; print(list(registry.variants('scrub')))").stdout
    assert told == "['in-order', 'none']\n"
