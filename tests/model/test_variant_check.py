"""What `mmrun check` sees in the text of a variant's file: every kind of fault, at its place, and no false one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmrun.model import registry
from mmrun.model.core.mechanism import CORE, MAX_AXES, MAX_PARAMS, SLOTS
from mmrun.model.hooks import AXES, HOOK_INDEX, TABLE
from mmrun.model.sources.variant_check import faults
from mmrun.runner.cli import main
from tests.edited import Edited

ROOT = Path(__file__).resolve().parents[2]
GOOD = '''"""First in, first out, with a parameter and a kernel of its own."""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.page.flags import ACTIVE
from mmrun.model.mm.lru.state import KEEP, RECLAIM_PAGE
from mmrun.model.mm.lru.variants.lru.cost_balanced import *  # noqa: F403
from mmrun.model.machine.state import node_count
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.state import scans

SOURCE = "textbooks"
SCOPE = "node"
PARAMS = {"least": (1, "pages", "a number", "this test", (0, 8, "why")), "most": (5, "", "another", "this test")}
RELATIONS = [("least <= most", "or nothing lies between")]


@kernel
def is_active(m, pfn):
    page = frames(m)[pfn]
    return page.state & ACTIVE


@hook
def check_references(m, pfn, young, executable):
    sc = scans(m)[0]
    for n in range(4):
        if sc.nr[n] and is_active(m, pfn):
            return KEEP
    while True:
        if young:
            return RECLAIM_PAGE
        young += 1
'''


class Case(Edited):
    valid = GOOD


HEAD = "def check_references(m, pfn, young, executable):"
CASES = [
    # hooks
    Case(HEAD, HEAD.replace("references", "refs"), "no hook is called `check_refs`; did you mean `check_references`"),
    Case(HEAD, HEAD.replace(", executable", ""), "takes 3 arguments, the hook has 4; write def check_references(m, f"),
    Case(HEAD, HEAD.replace("executable", "*rest"), "the hook has 4 plain ones"),
    Case(HEAD, HEAD.replace("executable", "executable=0"), "the hook has 4 plain ones"),
    Case(HEAD, "def balance_pgdat(m, node):", "a hook of the axis `kswapd`, not of `lru`"),
    Case(HEAD, "def shrink_batch(m, s):", "a hook of the core, which no variant replaces"),
    Case("    while True:", "    while young:", "ends without an answer on some path", 24),
    Case("        young += 1", "        break", "ends without an answer on some path", 24),
    Case("            return KEEP", "            return", "answers nothing, a hook a whole number"),
    Case("            return KEEP", "            return None", "answers nothing, a hook a whole number"),
    Case("            return KEEP", "            return 0.5", "answers 0.5, a hook a whole number"),
    Case("            return KEEP", "            return young / 2", "answers a fraction"),
    Case("            return KEEP", "            return KEEP if young else 'no'", "answers 'no'"),
    Case("            return KEEP", "            yield KEEP", "`check_references` yields"),
    Case("        young += 1", "        assert young, f'{pfn}'", "words that are not constant"),
    Case("        young += 1", "        raise ValueError(pfn)", "words that are not constant"),
    # fields and names
    Case("page.state & ACTIVE", "page.stat & ACTIVE", "`page` has no field `stat`; did you mean `state`"),
    Case("sc.nr[n] and", "sc.n[n] and", "`sc` has no field `n`"),
    Case("sc = scans(m)[0]", "sc = m.noww", "`m` has no field `noww`; did you mean `now`"),
    Case("sc.nr[n] and", "zones(m)[n].wmark_hihg and", "has no field `wmark_hihg`; did you mean `wmark_high`"),
    Case("sc.nr[n] and", "frames(m)[n].nxt and", "`frames(m)[n]` has no field `nxt`; did you mean `next`"),
    Case("sc.nr[n] and", "node_count(m)[0].pgscan_kswap and", "has no field `pgscan_kswap`; did you mean `pgscan`"),
    Case("import ACTIVE\n", "import ACTIVES\n", "flags` has no `ACTIVES`; did you mean `ACTIVE`"),
    Case("import hook, kernel", "import frames, hook, kernel", "no `frames`; write from mmrun.model.mm.page.state"),
    Case("from mmrun.model.mm.page.flags", "from mmrun.model.mm.stat", "no module `mmrun.model.mm.stat`"),
    Case("from mmrun.model.mm.page.flags", "from .state", "a relative import"),
    Case("return RECLAIM_PAGE", "return RECLAIM_PAG", "nothing is called `RECLAIM_PAG`; did you mean `RECLAIM_PAGE`"),
    # declarations
    Case(GOOD.splitlines()[0], "", "starts with a docstring"),
    Case('SOURCE = "textbooks"', "", "no SOURCE", 1),
    Case('SOURCE = "textbooks"', "SOURCE = 3", "SOURCE is text"),
    Case('SOURCE = "textbooks"', "SOURCE = str(3)", "SOURCE is not written out"),
    Case('SCOPE = "node"', "", "variants of `lru` define SCOPE, this file does not", 1),
    Case('SCOPE = "node"', 'SCOPE = "nod"', "SCOPE is 'nod'; one of 'zone', 'node'"),
    Case('SCOPE = "node"', "SCOPE = {}", "SCOPE is text"),
    Case('SCOPE = "node"', 'SCOPE = "node"\nNEEDS = [1]', "NEEDS is text", 13),
    Case("PARAMS = {", "PARAMS = [], {", "PARAMS is a dictionary"),
    Case("PARAMS = {", "PARAMS = {1: 2, ", "the name of a parameter is text"),
    Case("PARAMS = {", 'PARAMS = {"a b": 2, ', "the name of a parameter is text"),
    Case("PARAMS = {", 'PARAMS = {"a": 2, ', "the parameter `a` is not four or five things"),
    Case("PARAMS = {", 'PARAMS = {"a": (x, "", "b", "c"), ', "the parameter `a` is not written out"),
    Case("PARAMS = {", 'PARAMS = {"a": (0.5, "", "b", "c"), ', "the default of `a` is 0.5; a whole number"),
    Case("PARAMS = {", 'PARAMS = {"a": ("x", "", "b", "c"), ', "the default of `a` is 'x'"),
    Case("PARAMS = {", 'PARAMS = {"a": (1 << 70, "", "b", "c"), ', "the parameter `a` is not written out"),
    Case("PARAMS = {", f'PARAMS = {{"a": ({1 << 70}, "", "b", "c"), ', "does not fit 64 bits"),
    Case("PARAMS = {", 'PARAMS = {"a": (1, "", "", "c"), ', "no meaning or no source"),
    Case("PARAMS = {", 'PARAMS = {"a": (1, "", "b", "c", (0, 1)), ', "the range of `a` is not (least, most, why)"),
    Case("PARAMS = {", 'PARAMS = {"a": (1, "", "b", "c", (2, 9, "d")), ', "default: a is 1; 2 to 9: d"),
    Case("PARAMS = {", 'PARAMS = {"most": (5, "", "b", "c"), ', "the parameter `most` is given twice"),
    Case("PARAMS = {", "PARAMS = {" + "".join(f"'p{n}': (1, '', 'b', 'c'), " for n in range(MAX_PARAMS - 1)),
         f"{MAX_PARAMS + 1} parameters: the machine holds {MAX_PARAMS} of a variant"),
    Case("least <= most", "leest <= most", "no parameter is called `leest`, did you mean `least`"),
    Case("least <= most", "least + most", "`least + most` is no comparison"),
    Case("least <= most", "least <= 3.5", "neither a parameter nor a whole number"),
    Case("least <= most", "least > most", "of the defaults, `least > most` does not hold: least is 1 and most is 5"),
    Case('[("least', '[3, ("least', "a relation is its text and why"),
    Case('RELATIONS = [("least <= most", "or nothing lies between")]', "RELATIONS = 3", "RELATIONS is a list"),
    # no Python
    Case("    while True:", "    while True", "not a Python file: expected ':'"),
    Case("textbooks", "\0", "not a Python file"),
    Case("SOURCE = ", f"SOURCE = {'-' * 100_000}", "not a Python file"),
]  # fmt: skip


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return str(path)


def test_the_good_file_has_no_fault(tmp_path: Path):
    assert faults("lru", written(tmp_path, GOOD)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words[:50])
def test_a_fault_is_found_at_its_place(case: Case, tmp_path: Path):
    found = faults("lru", written(tmp_path, case.text()))
    said = [(fault.line, f"{fault.message}; {fault.fix}") for fault in found]
    assert any(case.words in text for _, text in said), said
    if "not a Python file" not in case.words:
        assert any(case.words in text and line == case.expected_line() for line, text in said), said
        assert all(fault.column >= 1 for fault in found)


BUILT_IN = [(axis, name) for axis in registry.axes() for name in registry.variants(axis)]


@pytest.mark.parametrize(("axis", "name"), BUILT_IN)
def test_no_built_in_variant_has_a_fault(axis: str, name: str):
    assert faults(axis, str(registry.variant_info(axis, name).path)) == []


def test_a_constant_that_has_moved_is_no_silent_one(tmp_path: Path):
    text = registry.variant_info("pcp", "batch-31").path.read_text(encoding="utf-8")
    assert faults("pcp", written(tmp_path, text)) == []
    (fault,) = faults("pcp", written(tmp_path, text + "\nSTOCKS = 3\n"))
    assert fault.line == text.count("\n") + 2
    assert "STOCKS is no part of a variant of `pcp`" in fault.message and "memcg/since.py" in fault.fix


def test_hooks_that_nobody_defines_are_named(tmp_path: Path):
    text = re.sub(r"from mmrun.*variants.*\n", "", GOOD)
    (fault,) = faults("lru", written(tmp_path, text))
    missing = {name for name, spec in TABLE.items() if spec.axis == "lru" and not spec.default} - {"check_references"}
    assert set(re.findall(r"`(\w+)`", fault.message)) == missing and 'BASE = "cost-balanced"' in fault.fix


BY_THE_FACE = '''"""First in, first out, by the stable names."""

from mmrun.policy import RECLAIM_PAGE, frames, hook

SOURCE = "textbooks"
BASE = "cost-balanced"


@hook
def check_references(m, frame, young, executable):
    return RECLAIM_PAGE + 0 * frames(m)[frame].state
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [("", ""), ("import RECLAIM_PAGE, frames, hook", "import *"), ("mmrun.policy import", "mmrun.policy import KEEP,"),
     ("SOURCE", "SCOPE = 'zone'\nSOURCE"), ("BASE = ", "PARAMS = {'a': (1, '', 'b', 'c')}\nBASE = ")],
)  # fmt: skip
def test_files_that_use_the_stable_names_are_good(old: str, new: str, tmp_path: Path):
    assert faults("lru", written(tmp_path, BY_THE_FACE.replace(old, new) if old else BY_THE_FACE)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [("import RECLAIM_PAGE", "import RECLAIM_PAG", 3, "`mmrun.policy` has no `RECLAIM_PAG`; did you mean `RECLAIM_P"),
     ("mmrun.policy", "mmrun.polcy", 3, "no module `mmrun.polcy`; did you mean `policy`?"),
     ("].state", "].stat", 11, "no field `stat`; did you mean `state`"),
     ('"cost-balanced"', '"cost-balancd"', 6, "no built-in variant `cost-balancd`; did you mean `cost-balanced`?"),
     ('"cost-balanced"', '"clock"', 6, "`clock` is a yardstick, which has no hooks"),
     ('"cost-balanced"', "3", 6, "BASE is text"), ('BASE = "cost-balanced"', "", 1, "the file defines no"),
     ("check_references", "check_refs", 10, "no hook is called `check_refs`"),
     ("BASE", "PARAMS = {" + ", ".join(f"'p{n}': (1, '', 'b', 'c')" for n in range(MAX_PARAMS - 3)) + "}\nBASE", 7,
      f"{MAX_PARAMS + 1} parameters with those of `cost-balanced`")],
)  # fmt: skip
def test_their_faults_are_found_too(old: str, new: str, line: int, words: str, tmp_path: Path):
    found = faults("lru", written(tmp_path, BY_THE_FACE.replace(old, new)))
    assert any(words in f"{each.message}; {each.fix}" and each.line == line for each in found), found


CONFIG = """\
experiment: mine
kernel: "6.18"
machine: {nodes: [{memory: 64MiB}]}
tasks: {t: {stream: {kind: loop, size: 1MiB, accesses: 100}}}
policy: {lru: {variant: mine, file: ./mine.py, least: 3}}
"""


def test_check_tells_all_faults_at_once_with_their_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = GOOD.replace(HEAD, HEAD.replace("executable", "exec, more")).replace("page.state", "page.stat")
    written(tmp_path, text.replace("return KEEP", "return"))
    (tmp_path / "mine.yaml").write_text(CONFIG.replace("seed", "sead"))
    assert main(["check", str(tmp_path / "mine.yaml")]) == 2
    said = capsys.readouterr().err.splitlines()
    mine = re.escape(str(tmp_path / "mine.py"))
    for place, words in (("8:1", "did you mean `state`"), ("24:1", "has 4"), ("28:13", "answers nothing")):
        assert any(re.match(f"{mine}:{place}: .*{words}", line) for line in said), said
    (tmp_path / "mine.py").write_text(GOOD)
    assert main(["check", str(tmp_path / "mine.yaml")]) == 0


def test_checking_an_outside_file_imports_no_compiler(tmp_path: Path):
    written(tmp_path, GOOD)
    (tmp_path / "mine.yaml").write_text(CONFIG)
    code = (
        "import sys; from mmrun.runner.cli import main; assert main(['check', 'mine.yaml']) == 0; "
        "print('numba' in sys.modules, 'mine' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.stdout.splitlines()[-1] == "False False"


def test_the_machine_has_room_for_every_hook_and_axis():
    assert max(HOOK_INDEX.values()) < SLOTS and {spec.axis for spec in TABLE.values()} <= {CORE, *AXES}
    assert len(AXES) <= MAX_AXES
