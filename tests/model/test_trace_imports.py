"""Traces of disks, samples of perf, recordings of DAMON: small files with known contents, and what is wrong named."""

import json
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from mmrun.model.trace import TraceError, open_trace
from mmrun.model.trace.blocks import BATCH, arc, vscsi
from mmrun.model.trace.damon import Drawing, recording
from mmrun.model.trace.importers import import_trace
from mmrun.model.trace.perf_script import PerfScript
from mmrun.model.units import PAGE


def imported(source: Iterable, tmp_path: Path, keep: bool = False) -> list[tuple[int, bool, int]]:
    """(page, write, task) of every access after the round through a trace file."""
    import_trace(iter(source), tmp_path / "out.mmt", {}, keep=keep)
    trace = open_trace(tmp_path / "out.mmt")
    task = [0] * trace.accesses if trace.task is None else trace.task.tolist()
    return list(zip(trace.page.tolist(), trace.write.tolist(), task, strict=True))


def stored(tmp_path: Path, content: bytes | str) -> str:
    path = tmp_path / "in.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_arc_requests_touch_the_pages_their_sectors_lie_on(tmp_path):
    path = stored(tmp_path, "0 8 0 0\n7 2 0 1\n\n16 0 0 2\r\n\t80 17 9 3")
    assert [page for page, _, _ in imported(arc(path), tmp_path, keep=True)] == [0, 0, 1, 10, 11, 12]
    assert [page for page, _, _ in imported(arc(path, block=PAGE), tmp_path, keep=True)] == [
        *range(8), 7, 8, *range(80, 97),
    ]  # fmt: skip
    assert [page for page, _, _ in imported(arc(path), tmp_path)] == [0, 0, 1, 2, 3, 4]


def test_arc_of_more_pages_than_a_batch(tmp_path):
    path = stored(tmp_path, "".join(f"{8 * 250_000 * n} 2000000 0 {n}\n" for n in range(9)))
    import_trace(arc(path), tmp_path / "out.mmt", {}, keep=True)
    assert np.array_equal(open_trace(tmp_path / "out.mmt").page, np.arange(9 * 250_000))
    sizes = [chunk[0].size for chunk in arc(path)]
    assert max(sizes) <= BATCH and len(sizes) > 2


@pytest.mark.parametrize(
    "line", ["1 2 3", "1 2 3 4 5", "1 -2 0 0", "x", "1 2,3 4", "9" * 16 + " 1 0 0", "1 99999999 0 0"]
)
def test_arc_names_the_line_that_is_wrong(tmp_path, line):
    path = stored(tmp_path, f"1 2 0 0\n\n3 1 0 1\n{line}\n5 1 0 3\n")
    with pytest.raises(TraceError, match=r"in\.txt:4: (expected 4 numbers|a request of more than 2,097,152 blocks)"):
        imported(arc(path), tmp_path)


def v1(cmd: int, lbn: int, size: int, version: int = 0x0100) -> bytes:
    return struct.pack("<IIIHHQQ", 1, size, 1, cmd, version, lbn, 5)


def v2(cmd: int, lbn: int, size: int, version: int = 0x0200) -> bytes:
    return struct.pack("<HHIIIQQQ", cmd, version, 1, size, 1, lbn, 5, 6)


@pytest.mark.parametrize("record", [v1, v2])
def test_vscsi_of_both_versions(tmp_path, record):
    requests = [(0x28, 0, 4096), (0x2A, 7, 1024), (0x35, 99, 0), (0x8A, 80, 8192), (0x08, 8, 512), (0x12, 8, 36)]
    path = stored(tmp_path, b"".join(record(*each) for each in requests))
    expected = [(0, False, 0), (0, True, 0), (1, True, 0), (10, True, 0), (11, True, 0), (1, False, 0)]
    assert imported(vscsi(path), tmp_path, keep=True) == expected


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (v1(0x28, 0, 512) * 2 + v1(0x28, 0, 512, 0x0700), "record 2 at byte 64 is no record of version 1"),
        (v2(0x28, 0, 512) * 2 + v2(0x28, 1 << 60, 512), "record 2 at byte 80 is no record of version 2"),
        (v2(0x28, 0, 512) * 2 + b"123", "3 bytes are left after record 2"),
        (bytes(80), "neither of version 1 nor of version 2"),
        (b"1234", "4 bytes are left after record 0"),
    ],
)
def test_vscsi_names_the_record_that_is_wrong(tmp_path, raw, says):
    with pytest.raises(TraceError, match=says):
        imported(vscsi(stored(tmp_path, raw)), tmp_path)


SAMPLES = """# captured on: Tue Dec  1
         python3  1751/1751  17318.245989: page-faults:     55611a581424
         python3  1751/1760  17318.246029: page-faults:     55611a581fff

 Web Content (a)  1760/1760  17318.246051: page-faults:u:     55611a581424
         python3  1799 [001] 17319.661965: exceptions:page_fault_user: address=0x7f0fcad09e06 ip=0x7f0fca error_code=0x6
         python3  1799 [001] 17319.661958: exceptions:page_fault_user: address=0x7f0fcacf0b70 ip=0x7f0 error_code=0x14
              ls  1751 17320.1:       51 cpu/mem-loads,ldlat=30/P:     55611a582000     68100142 |OP LOAD|LVL L1 hit
              ls  1751 17320.2:        1        cpu/mem-stores/P:     55611a582008         5080184 |OP STORE|LVL L1 hit
              ls  1751 17320.3:        1 cpu/mem-loads,ldlat=30/P: ffffffff81775dda
              ls  1751 17320.3:        1 cpu/mem-loads,ldlat=30/P:                0
"""


def test_perf_script_as_perf_prints_it(tmp_path):
    reader = PerfScript(stored(tmp_path, SAMPLES))
    assert imported(reader, tmp_path) == [
        (0, False, 0), (0, False, 0), (1, False, 1), (2, True, 2), (3, False, 2), (4, False, 0), (4, True, 0),
    ]  # fmt: skip
    assert reader.tasks == {"python3 1751": 0, "Web Content (a) 1760": 1, "python3 1799": 2}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("  a 1 1.0: page-faults:  ffffffff81775dda elf_load+0x28a ([kernel.kallsyms])", "an instruction's address"),
        ("  a 1 1.0: page-faults:  7fb6 [unknown] (/usr/bin/x)", "an instruction's address"),
        ("  a 1 1.0: page-faults:  xyz", "expected an address in hex"),
        ("nothing", "expected a line of `perf script"),
        ("a " * 3000 + "1 1.0: e: 12", "expected a line of `perf script"),
    ],
)
def test_perf_script_names_the_line_that_is_wrong(tmp_path, line, says):
    with pytest.raises(TraceError, match=rf"in\.txt:2: {says}"):
        imported(PerfScript(stored(tmp_path, f"  a 1 1.0: page-faults:  1000\n{line}\n")), tmp_path)


BASE = 0x7FA5DF200000
# Aggregations of two regions each: (pages from, to, samplings with an access).
SEEN = [[(0, 100, 20), (100, 300, 0)], [(0, 80, 10), (80, 300, 1)], [(0, 150, 5), (200, 300, 2)]]


def addresses(regions: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    return [(BASE + first * PAGE, BASE + end * PAGE, count) for first, end, count in regions]


def record(damo_numbers: bool = True, **more: object) -> list[dict]:
    """What damo 3.4.3 writes for SEEN."""
    told = "{:,}".format if damo_numbers else int
    snapshots = [
        {
            "start_time": str(at * 10**8), "end_time": str((at + 1) * 10**8), "total_bytes": "1228800",
            "regions": [
                {"start": told(start), "end": told(end), "nr_accesses": {"samples": count, "percent": None},
                 "age": {"usec": None, "aggr_intervals": "0"}, "probe_hits": [], "sz_filter_passed": "0 B"}
                for start, end, count in addresses(regions)
            ],
        }
        for at, regions in enumerate(SEEN)
    ]  # fmt: skip
    intervals = {"sample_us": "5000", "aggr_us": "100000", "ops_update_us": "1000000"}
    head = {"kdamond_idx": 0, "context_idx": 0, "intervals": intervals, "scheme_idx": None, "target_id": 0}
    return [head | {"scheme_filters": [], "snapshots": snapshots, "data_source": "unknown"} | more]


def perf_text(event: str = "damon:damon_aggregated: target_id=0") -> str:
    lines = ["# tracer: nop"]
    for at, regions in enumerate(SEEN):
        for start, end, count in addresses(regions):
            lines.append(f"kdamond.0  4452 [000] {at}.1: {event} nr_regions=2 {start}-{end}: {count} 3")
    return "\n".join(lines)


def raw_text() -> str:
    """What `damo report raw` of damo 2.2.4 prints."""
    lines = ["base_time_absolute: 1 m 39.771 s", ""]
    for regions in SEEN:
        lines += ["monitoring_start:                0 ns", "monitoring_end:            100 ms", "target_id: 0"]
        lines += ["nr_regions: 2", "# start_addr     end_addr        length  nr_accesses   age"]
        lines += [f"{start:012x}-{end:012x} ( 400.000 KiB) {n:11d} {3:5d}" for start, end, n in addresses(regions)]
        lines.append("")
    return "\n".join(lines)


FORMS = {
    "json_compressed": lambda: zlib.compress(json.dumps(record(), indent=4).encode()),
    "json": lambda: json.dumps(record(damo_numbers=False)).encode(),
    "perf_script": lambda: perf_text().encode(),
    "ftrace": lambda: perf_text("damon_aggregated: target_id=0").encode(),
    "raw": lambda: raw_text().encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_recording_reads_the_same(tmp_path, form):
    found = recording(stored(tmp_path, FORMS[form]()))
    assert [each.regions.tolist() for each in found.snapshots] == [
        [list(region) for region in addresses(regions)] for regions in SEEN
    ]
    assert found.samples == {"0": 20.0} and {each.target for each in found.snapshots} == {"0"}


def test_accesses_are_drawn_by_region_with_its_frequency(tmp_path):
    """Pages that never had an access (150 to 199 in the last, 100 to 299 in the first) count only where they had."""
    drawing = Drawing(recording(stored(tmp_path, FORMS["json"]())), rounds=400, seed=3)
    assert drawing.npages == 300
    chunks = list(drawing)
    page = np.concatenate([chunk[0] for chunk in chunks])
    assert not any(chunk[1].any() or chunk[2] for chunk in chunks)
    counts = np.bincount(page, minlength=300) / 400
    expected = np.zeros(300)
    for regions in SEEN:
        for first, end, count in regions:
            expected[first:end] += count / 20
    assert np.abs(counts - expected).max() < 0.12 and abs(counts.sum() / expected.sum() - 1) < 0.01
    again = np.concatenate([chunk[0] for chunk in Drawing(drawing.source, rounds=400, seed=3)])
    assert np.array_equal(page, again)
    first_round = page[:100]
    assert sorted(first_round.tolist()) == list(range(100)) and first_round.tolist() != sorted(first_round.tolist())


def test_targets_are_tasks_with_pages_of_their_own_interleaved_by_time(tmp_path):
    records = record() + record(target_id=7, intervals={"sample_us": 10_000, "aggr_us": 100_000})
    found = recording(stored(tmp_path, json.dumps(records)))
    assert found.samples == {"0": 20.0, "7": 10.0}
    assert [each.target for each in found.snapshots] == ["0", "7"] * 3
    drawing = Drawing(found)
    assert drawing.npages == 600 and drawing.tasks == {"0": 0, "7": 1}
    done = import_trace(iter(drawing), tmp_path / "out.mmt", {}, keep=True, npages=drawing.npages)
    trace = open_trace(tmp_path / "out.mmt")
    assert done.npages == 600 and np.array_equal(trace.page >= 300, trace.task == 1)


def test_pages_in_a_gap_that_was_never_used_are_left_out(tmp_path):
    text = "x: damon_aggregated: target_id=9 nr_regions=2 {}-{}: 4 0\n"
    lines = text.format(0, 8 * PAGE) + text.format(1 << 46, (1 << 46) + 8 * PAGE)
    drawing = Drawing(recording(stored(tmp_path, lines), samples=4))
    assert drawing.npages == 16 and sorted(np.concatenate([c[0] for c in drawing]).tolist()) == list(range(16))


def test_a_snapshot_that_lost_lines_is_left_out(tmp_path):
    lines = perf_text().split("\n")
    whole = recording(stored(tmp_path, "\n".join(lines)))
    for missing in (1, 2):
        found = recording(stored(tmp_path, "\n".join(lines[:missing] + lines[missing + 1 :])))
        assert [each.regions.tolist() for each in found.snapshots] == [
            each.regions.tolist() for each in whole.snapshots[1:]
        ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PERFILE2....", "perf script -i FILE"),
        (b"nothing of the kind\n", "no region of DAMON"),
        (b"[{]", r"in\.txt:1:3: not JSON"),
        (b"[" * 100_000, "not damo's record"),
        (b"{}", "target_id"),
        (zlib.compress(b"[]" * 9)[:-9], "ends early"),
        (b"\x78\x9cgarbage", "cannot be decompressed"),
        (json.dumps(record(snapshots=[{"end_time": 1, "regions": [{"start": 0}]}])).encode(), "after snapshot 1"),
        (json.dumps(record()).replace("140", "-140").encode(), "expected a plain number"),
        (b"a\nx: damon_aggregated: target_id=0 nr_regions=1 5-1: 0\n", r"in\.txt:2: a region ends before"),
        (b"a\nb\nx: damon_aggregated: pid=0\n", r"in\.txt:3: expected damon_aggregated"),
        (b"7fa5df200000-7fa5e5200000 (  96.000 MiB)           1     0\n", r"in\.txt:1: a region before the line"),
        (b"x" * 70_000, "a line does not end"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_recording_is_said(tmp_path, content, says):
    with pytest.raises(TraceError, match=says):
        recording(stored(tmp_path, content))


def test_more_pages_than_a_trace_has_are_refused(tmp_path):
    found = recording(stored(tmp_path, f"x: damon_aggregated: target_id=0 nr_regions=1 0-{1 << 50}: 1 0\n"))
    with pytest.raises(TraceError, match="regions with accesses have"):
        Drawing(found)
