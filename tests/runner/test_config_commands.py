"""The command line around configurations: check, plan, explain, schema, help, exit codes, what gets imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from mmrun.model import eras, registry
from mmrun.runner.cli import main
from mmrun.runner.config.library import config_dir, experiments
from mmrun.runner.config.schema import experiment_schema, machine_schema
from mmrun.runner.explain.explain import entries
from tests.runner.config_cases import CASES, VALID

HEAVY = ("ray", "numba", "scipy", "pyarrow", "matplotlib", "numpy")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "valid.yaml"
    path.write_text(VALID)
    return path


def test_check_says_what_would_run(config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["check", str(config)]) == 0
    out = capsys.readouterr()
    assert out.out == "demo: ok, 3 rows over vm.swappiness, place, 6 cells with replicates\n"
    assert out.err.startswith("warning: ") and out.err.count("\n") == 1 and "that uses the device" in out.err
    assert main(["check", "--json", str(config)]) == 0
    (odd,) = json.loads(capsys.readouterr().out)["warnings"]  # a card in no `use`
    assert "devices" in odd["message"] and odd["line"] > 1


def test_check_prints_errors_for_editors(config: Path, capsys: pytest.CaptureFixture[str]):
    config.write_text(VALID.replace("seed: 7", "sead: 7"))
    assert main(["check", "--json", str(config)]) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert (error["line"], error["column"]) == (36, 1) and "seed" in error["fix"]


def test_usage_errors_exit_2(capsys: pytest.CaptureFixture[str]):
    for arguments in ([], ["chek"], ["check"], ["check", "a", "b"], ["explain", "--nope"]):
        assert main(arguments) == 2 or arguments == []
        assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt, 130), ("EnvironmentProblem", 3)])
def test_exit_codes(raised: object, code: int, monkeypatch: pytest.MonkeyPatch, config: Path):
    from mmrun.runner.config import problems
    from mmrun.runner.plan import plan

    def stop(*_: object) -> None:
        raise getattr(problems, raised)("no room") if isinstance(raised, str) else KeyboardInterrupt

    monkeypatch.setattr(plan, "check", stop)
    assert main(["check", str(config)]) == code


def test_help_and_check_import_nothing_heavy():
    code = (
        "import sys; from mmrun.runner.cli import main; main(sys.argv[1:]); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    for arguments in (["--help"], ["check", "--help"], ["explain", "machines"]):
        ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        heavy = ran.stdout.splitlines()[-1]
        assert heavy == "[]" or (arguments[0] == "explain" and heavy == "['numpy']"), (arguments, heavy)


def test_plan_counts_new_cells(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["plan", str(config), "--out", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["states"] == {"new": 6, "done": 0, "stale": 0, "failed": 0} and found["memory_bytes_max"] > 0
    assert found["accesses"] == 6 * 1100 and {row["replicate"] for row in found["not_done"]} == {0, 1}
    assert main(["plan", str(config), "--out", str(tmp_path / "out"), "--why"]) == 0
    assert "new 6" in capsys.readouterr().out


def test_everything_that_can_be_named_is_explained(capsys: pytest.CaptureFixture[str]):
    known = entries()
    for axis in registry.axes():
        assert axis in known
        for name, info in registry.variants(axis).items():
            assert info.doc.split()[:8] == known[f"{axis}/{name}"].text.split()[:8]
            assert all(f"{axis}/{name}.{param}" in known for param in info.params)
    assert set(eras.names()) | set(eras.era("6.18").flags) <= set(known)
    assert all(entry.text.strip() for entry in known.values()), [e.name for e in known.values() if not e.text.strip()]
    assert main(["explain"]) == 0 and "kernel counter:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [("swappiness", "0-200"), ("vm.swappiness", "0-200"), ("lru", "policy axis"), ("pgscan_kswapd", "kernel counter"),
     ("machine.nodes.memory", "unit: bytes"), ("zipf.exponent", "stream parameter"), ("6.18", "kernel version"),
     ("4.4", "WARNING: 4.4 was never validated"), ("4.4", "read is 3.15; since then changed: lru"),
     ("4.4", "compared with real kernels (tests/fidelity, docs/validation.md): 3.6 (published"),
     ("4.4", "zone-workingset (since 3.15, before 4.8)"), ("4.4", "no min: memory.min came with 4.18"),
     ("4.4", "xfs has no cgroup writeback yet"), ("3.15", "its source was read, nothing was compared"),
     ("6.18", "validated: counters, curves"), ("6.10+mglru", "next older version that was read is 6.1+mglru"),
     ("tlb_batched", "since 4.3: yes"), ("kswapd", "since 4.8: any-zone"), ("in_shares", "since 3.11: yes"),
     ("swappiness", "since 5.8: 0 to 200"), ("eras", "every release from 2.6.32 to 6.18"),
     ("max_sectors_kib", "date not found: 4.2 or 4.3"), ("cgroups.min", "since 4.18: yes"),
     ("cxl", "CXL"), ("sweep", "product"), ("machine.disks.seek_track", "default: 800us"),
     ("node0.numa_hit", "numa_hit"), ("check_references", "check_references(m, frame, young, executable)")],
)  # fmt: skip
def test_explain(name: str, words: str, capsys: pytest.CaptureFixture[str]):
    assert main(["explain", name]) == 0
    assert words in " ".join(capsys.readouterr().out.split())


def test_explain_suggests(capsys: pytest.CaptureFixture[str]):
    assert main(["explain", "swapines"]) == 2
    assert "did you mean `swappiness`" in capsys.readouterr().err


def test_schemas_are_draft_07_and_described():
    for schema in (experiment_schema(), machine_schema()):
        Draft7Validator.check_schema(schema)
        for name, definition in schema["definitions"].items():
            for key, part in definition.get("properties", {}).items():
                assert name in ("Block", "Sample") or part.get("description"), f"{name}.{key} has no description"
    assert "such as 64KiB" in json.dumps(machine_schema())


ALL_VERSIONS = """
experiment: versions
kernel: "4.4"
machine: {nodes: [{memory: 64MiB}]}
tasks: {t: {stream: {kind: loop, size: 1MiB, accesses: 100}}}
sweep: {product: {kernel: %s}}
"""


def test_the_schema_and_a_sweep_know_every_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    names = json.dumps(eras.names())
    path = tmp_path / "versions.yaml"
    path.write_text(ALL_VERSIONS % names)
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out == "versions: ok, 106 rows over kernel, 106 cells with replicates\n"
    schema = experiment_schema()
    for name in eras.names():
        assert not faults(schema, ALL_VERSIONS.replace("4.4", name) % names)
    assert faults(schema, ALL_VERSIONS.replace("4.4", "6.19") % names)


def faults(schema: dict, text: str) -> list[str]:
    return [error.message for error in Draft7Validator(schema).iter_errors(yaml.safe_load(text))]


def test_shipped_files_fit_the_schemas():
    machines = sorted((config_dir() / "machines").glob("*.yaml"))
    assert len(machines) >= 7
    for path in machines:
        assert not faults(machine_schema(), path.read_text()), path
    for path in experiments():
        assert not faults(experiment_schema(), path.read_text()), path


def test_the_schema_takes_the_good_and_refuses_slips():
    schema = experiment_schema()
    assert not faults(schema, VALID)
    slips = [case for case in CASES if "unknown key" in case.words or "has no unit" in case.words]
    missed = [case.new for case in slips if not faults(schema, case.text())]
    assert (
        missed == ["vm.swappines: [0, 60]"] and len(slips) >= 10
    )  # values at swept paths are `mmrun check`'s business


def test_the_schema_knows_kinds_choices_and_ranges():
    """Of the malformed files it refuses all with a value that its field cannot have, or with another kind's field.

    But where no kind is named: that may change a disk of any kind.
    """
    told = ("is for kind", "is not one of", "` holds ", " is -1 (", " is 0 (", "(1 to ", "0 to 100")
    schema = experiment_schema()
    known = [case for case in CASES if any(words in case.words for words in told)]
    assert len(known) > 15
    missed = [case.new for case in known if not faults(schema, case.text())]
    assert missed == ["stall_from: 1s, stall_until: 2s", "rpm: 5400"]


DISK = "{nodes: [{memory: 1GiB}], disks: {d: %s}}"


@pytest.mark.parametrize(
    ("disk", "described", "changed"),
    [("{kind: hdd, rpm: 5400}", True, True), ("{kind: generic, rpm: 5400}", False, False), ("{kind: hd}", False, False),
     ("{rpm: 5400}", False, True), ("{parallel: 3}", True, True), ("{kind: nfs}", False, True),
     ("{kind: nfs, link: lan}", True, True), ("{parallel: 0}", False, False), ("{size: 0}", False, False)],
)  # fmt: skip
def test_a_disk_has_the_fields_of_its_kind(disk: str, described: bool, changed: bool):
    """In a machine's own file; in an experiment it may change a machine's disk of any kind."""
    assert (not faults(machine_schema(), DISK % disk)) is described
    text = f"{{experiment: x, kernel: '6.18', machine: {{base: laptop, disks: {{ssd: {disk}}}}}}}"
    assert (not faults(experiment_schema(), text)) is changed
    kinds = [each["properties"]["kind"] for each in machine_schema()["definitions"]["Disk"]["oneOf"]]
    flash = ["generic", "sata-ssd", "optane", "nvme", "emmc", "virtio"]
    assert [kind["const"] for kind in kinds] == [*flash, "hdd", "usb", "stripe", "nfs"]


def test_schema_command(capsys: pytest.CaptureFixture[str]):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(experiment_schema()))
