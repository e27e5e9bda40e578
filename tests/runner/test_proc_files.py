"""Dumps of a machine, read by small parsers as tools read the kernel's files."""

import re
from pathlib import Path

import pytest

from mmrun.model import api
from mmrun.runner.cli import main
from mmrun.runner.plan.plan import make_plan
from mmrun.runner.report.proc_files import files

TEXT = """
experiment: p
kernel: "{kernel}"
machine: {{nodes: [{{cpus: 1, memory: 16MiB}}, {{cpus: 1, memory: 16MiB}}], disks: {{d: {{kind: sata-ssd}}}}}}
cgroups: {{g: {{max: 12MiB}}}}
tasks: {{t: {{cgroup: g, stream: {{kind: loop, size: 14MiB, accesses: 6000}},
             memory: [{{kind: file, access: read, disk: d}}]}}}}
"""


def numbers(text: str) -> dict[str, int]:
    return {name.rstrip(":"): int(value) for name, value, *_ in map(str.split, text.splitlines())}


@pytest.fixture(scope="module", params=["3.1", "6.18"])
def dumped(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("dump") / "p.yaml"
    path.write_text(TEXT.format(kernel=request.param))
    outcome = api.simulate(make_plan(path).cells[0].cell, keep=True)
    assert outcome.left is not None
    return request.param, outcome.metrics, files(outcome.left), outcome.left


def test_free_pages_agree_in_all_files(dumped):
    _, metrics, texts, left = dumped
    free = numbers(texts["proc/vmstat"])["nr_free_pages"]
    rows = [line.split()[4:] for line in texts["proc/buddyinfo"].splitlines()]
    assert free == sum(int(blocks) << order for row in rows for order, blocks in enumerate(row))
    assert free == sum(map(int, re.findall(r"pages free +(\d+)", texts["proc/zoneinfo"])))
    assert free * 4 == numbers(texts["proc/meminfo"])["MemFree"]
    assert free + sum(zone["free_pcp"] for zone in left.zones) == metrics["nr_free_pages"]


def test_counters_and_sizes_are_those_of_the_run(dumped):
    kernel, metrics, texts, _ = dumped
    vmstat, meminfo = numbers(texts["proc/vmstat"]), numbers(texts["proc/meminfo"])
    shared = [name for name in vmstat if name in metrics and name != "nr_free_pages"]
    assert len(shared) > 8
    assert {name: vmstat[name] for name in shared} == {name: metrics[name] for name in shared}
    assert ("MemAvailable" in meminfo) == (kernel == "6.18")
    totals = re.findall(r"Node \d MemTotal: +(\d+) kB", "".join(texts[f"{NODE}{n}/meminfo"] for n in (0, 1)))
    assert sum(map(int, totals)) == meminfo["MemTotal"]


NODE = "sys/devices/system/node/node"


def test_group_has_files_of_its_version(dumped):
    kernel, metrics, texts, _ = dumped
    usage, cache = ("usage_in_bytes", "cache") if kernel == "3.1" else ("current", "file")
    assert int(texts[f"sys/fs/cgroup/g/memory.{usage}"]) == metrics["cgroup.g.usage_pages"] * 4096 > 0
    stat = numbers(texts["sys/fs/cgroup/g/memory.stat"])
    assert stat[cache] > 0
    assert ("dirty" in stat, "file_dirty" in stat) == (False, kernel == "6.18")
    assert ("managed" in texts["proc/zoneinfo"]) == (kernel == "6.18")


def test_command_writes_them(tmp_path: Path):
    (tmp_path / "p.yaml").write_text(TEXT.format(kernel="6.18"))
    assert main(["run", str(tmp_path / "p.yaml"), "--dump", str(tmp_path / "d")]) == 0
    assert numbers((tmp_path / "d/proc/meminfo").read_text())["MemTotal"] > 0
