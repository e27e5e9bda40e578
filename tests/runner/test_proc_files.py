"""Dumps of a machine, read by small parsers as tools read the kernel's files."""

import re
from dataclasses import replace
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
    shared = [name for name in vmstat if name in metrics and name not in ("nr_free_pages", "pgpgin")]
    assert len(shared) > 60
    assert vmstat["pgpgin"] == 4 * (metrics["pgpgin"] + metrics["pswpin"]) > 0, "KiB, of all block devices"
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


def test_nodes_add_up_to_the_machine(dumped):
    kernel, metrics, texts, _ = dumped
    whole = numbers(texts["proc/vmstat"])
    nodes = [numbers(texts[f"{NODE}{n}/vmstat"]) for n in (0, 1)]
    assert len(nodes[0]) > 12 and set(nodes[0]) <= set(whole)
    assert all(sum(node[name] for node in nodes) == whole[name] for name in nodes[0])
    assert ("nr_zone_inactive_file" in whole) == (kernel == "6.18")
    stats = [numbers(texts[f"{NODE}{n}/numastat"]) for n in (0, 1)]
    assert list(stats[0]) == ["numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node"]
    assert [stat["numa_hit"] for stat in stats] == [metrics[f"node{n}.numa_hit"] for n in (0, 1)]
    assert sum(stat["numa_hit"] + stat["numa_miss"] for stat in stats) > 3_000


def test_zoneinfo_has_what_its_version_has_where_it_has_it(dumped):
    """Gauges of lists are each zone's to 4.7, and once a node's since."""
    kernel, _, texts, left = dumped
    zoneinfo = texts["proc/zoneinfo"]
    lists = [int(pages) for pages in re.findall(r" nr_inactive_file +(\d+)", zoneinfo)]
    assert len(lists) == (len(left.zones) if kernel == "3.1" else len(left.nodes))
    assert sum(lists) == numbers(texts["proc/vmstat"])["nr_inactive_file"]
    assert ("per-node stats" in zoneinfo, "scanned" in zoneinfo) == (kernel == "6.18", kernel == "3.1")
    counts = [int(pages) for pages in re.findall(r"count: (\d+)", zoneinfo)]
    assert len(counts) == 2 * len(left.zones)
    assert sum(counts) == sum(zone["free_pcp"] for zone in left.zones)
    starts = [int(pfn) for pfn in re.findall(r"start_pfn: +(\d+)", zoneinfo)]
    assert starts == sorted(starts) and len(starts) == len(left.zones)


def test_events_and_limits_of_a_group(dumped):
    kernel, metrics, texts, _ = dumped
    own = {name.rpartition("/")[2]: text for name, text in texts.items() if name.startswith("sys/fs/cgroup/g/")}
    assert own["memory.limit_in_bytes" if kernel == "3.1" else "memory.max"] == f"{12 << 20}\n"
    if kernel == "3.1":
        assert own["memory.failcnt"] == f"{metrics['cgroup.g.failcnt']}\n" != "0\n"
        return
    events, stat = numbers(own["memory.events"]), numbers(own["memory.stat"])
    assert list(events) == ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"]
    assert events["max"] == metrics["cgroup.g.events_max"] > 0
    assert (own["memory.high"], own["memory.low"], own["memory.swap.current"]) == ("max\n", "0\n", "0\n")
    assert stat["pgscan"] == stat["pgscan_direct"] + stat["pgscan_kswapd"] + stat["pgscan_proactive"] > 0
    assert numbers(texts["sys/fs/cgroup/memory.stat"])["file"] >= stat["file"]


def test_a_dump_at_a_time_is_the_machine_as_it_was_then(tmp_path: Path):
    """Counters at 2 ms are those of a run that ends there; the run goes on as if nobody had looked."""
    path = tmp_path / "p.yaml"
    path.write_text(TEXT.format(kernel="6.18"))
    cell = make_plan(path).cells[0].cell
    early = api.simulate(replace(cell, duration=2_000_000), keep=True).left
    late = api.simulate(cell, keep_at=(2_000_000, 10**12))
    assert late.metrics == api.simulate(cell).metrics
    first, last = late.snapshots
    assert 0 < first.counters["pgalloc"] < last.counters["pgalloc"] == late.metrics["pgalloc"]
    assert first.counters["pgfree"] == early.counters["pgfree"]
    assert first.zones == early.zones
    done = ["run", str(path), "--dump", str(tmp_path / "d"), "--dump-at", "2ms", "--dump-at", "10s"]
    assert main(done) == 0
    assert (tmp_path / "d/2ms/proc/vmstat").read_text() == files(first)["proc/vmstat"]
    assert (tmp_path / "d/10s/proc/vmstat").is_file() and not (tmp_path / "d/proc").exists()


@pytest.mark.parametrize("words", [["--dump-at", "2s"], ["--dump", "d", "--dump-at", "soon"]])
def test_a_dump_without_a_place_or_a_time_is_refused(tmp_path: Path, words, capsys):
    (tmp_path / "p.yaml").write_text(TEXT.format(kernel="6.18"))
    assert main(["run", str(tmp_path / "p.yaml"), *words]) == 2
    assert "--dump-at" in capsys.readouterr().err


def test_command_writes_them(tmp_path: Path):
    (tmp_path / "p.yaml").write_text(TEXT.format(kernel="6.18"))
    assert main(["run", str(tmp_path / "p.yaml"), "--dump", str(tmp_path / "d")]) == 0
    assert numbers((tmp_path / "d/proc/meminfo").read_text())["MemTotal"] > 0
