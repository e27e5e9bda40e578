"""`mmrun trace` from outside: data on stdout, talk on stderr, exit codes, sentences instead of tracebacks."""

import csv
import io
import json
import os
import struct

import numpy as np
import pytest
from typer.testing import CliRunner

from mmrun.model.trace import open_trace, write_trace
from mmrun.runner.cli import app


def mmrun_trace(*words):
    return CliRunner().invoke(app, ["trace", *(str(word) for word in words)])


@pytest.fixture
def trace(tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "t.mmt"
    write_trace(path, [(rng.zipf(1.3, 20_000) % 400, rng.random(20_000) < 0.25)], {"by": "test"}, npages=400)
    return path


def test_synthesise_writes_the_stream_of_the_generator(tmp_path):
    out = tmp_path / "z.mmt"
    words = ["synthesise", "zipf", "-o", out, "-p", "size=1MiB", "-p", "accesses=70000", "-p", "write_fraction=25%"]
    done = mmrun_trace(*words, "--seed", 4, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    made = open_trace(out)
    assert (told["accesses"], told["npages"], told["digest"]) == (70_000, 256, made.digest)
    assert abs(made.write.mean() - 0.25) < 0.01 and made.meta["params"]["size"] == 1 << 20
    assert json.loads(mmrun_trace(*words, "--seed", 4, "--json").stdout)["digest"] == made.digest
    assert json.loads(mmrun_trace(*words, "--seed", 5, "--json").stdout)["digest"] != made.digest


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["zpif"], "did you mean 'zipf'"),
        (["zipf", "-p", "size=1MiB"], "needs accesses"),
        (["zipf", "-p", "size=64", "-p", "accesses=1"], "size: `64` has no unit"),
        (["zipf", "-p", "size=1MiB", "-p", "accesses=many"], "accesses: 'many' is not a whole number"),
        (["zipf", "-p", "size=1MiB", "-p", "accesses=1", "-p", "colour=red"], "expected NAME=VALUE with NAME one of"),
        (["zipf", "-p", "size=1MiB", "-p", "size=2MiB"], "given twice"),
        (["zipf", "-p", "size=1MiB", "-p", "accesses=1", "-p", "permute=maybe"], "true or false"),
        (["zipf", "-p", "size=1MiB", "-p", "accesses=1", "-p", "exponent=-1"], "exponent is -1 (0 to 10"),
        (["trace"], "nothing to synthesise"),
    ],
)
def test_synthesise_refuses_in_a_sentence(tmp_path, words, says):
    done = mmrun_trace("synthesise", *words, "-o", tmp_path / "t.mmt")
    assert done.exit_code == 2 and says in done.stderr and not done.stdout
    assert not list(tmp_path.iterdir())


def test_info_as_text_json_and_csv(trace):
    text = mmrun_trace("info", trace)
    assert text.exit_code == 0 and "Exact LRU" in text.stdout and "20,000" in text.stdout
    told = json.loads(mmrun_trace("info", trace, "--json", "--window", 5_000).stdout)
    rows = list(csv.DictReader(io.StringIO(mmrun_trace("info", trace, "--csv", "lru").stdout)))
    assert len(rows) == told["touched_pages"] + 1 and int(rows[0]["misses"]) == 20_000
    for point in told["lru"]:
        assert int(rows[point["pages"]]["misses"]) == point["misses"]
    windows = list(csv.DictReader(io.StringIO(mmrun_trace("info", trace, "--csv", "working-set").stdout)))
    assert len(windows) == 100 and sum(int(row["new_pages"]) for row in windows) == told["touched_pages"]
    assert [row["access"] for row in told["working_set"]] == [0, 5_000, 10_000, 15_000]


def test_info_draws_figures(trace, tmp_path):
    done = mmrun_trace("info", trace, "-f", tmp_path / "f.pdf", "-f", tmp_path / "f.png")
    assert done.exit_code == 0 and "f.pdf written" in done.stderr
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert mmrun_trace("info", trace, "-f", tmp_path / "f.xyz").exit_code == 2


def test_info_refuses_what_is_damaged_or_absent(trace, tmp_path):
    raw = bytearray(trace.read_bytes())
    raw[100] ^= 1
    trace.write_bytes(raw)
    done = mmrun_trace("info", trace)
    assert done.exit_code == 2 and "does not match its checksum" in done.stderr and not done.stdout
    assert mmrun_trace("info", tmp_path / "none.mmt").exit_code == 2


def test_import_every_format(tmp_path):
    (tmp_path / "l.txt").write_text(" L 00001000,4\n S 00002000,4\n")
    (tmp_path / "p.txt").write_text("a\nb\na\n")
    (tmp_path / "c.csv").write_text("op,page\nw,7\nr,8\n")
    (tmp_path / "o.bin").write_bytes(bytes(48))
    (tmp_path / "s.lis").write_text("3 2 0 0\n")
    (tmp_path / "v.bin").write_bytes(struct.pack("<IIIHHQQ", 1, 512, 1, 0x2A, 0x100, 8, 5) * 2)
    (tmp_path / "s.txt").write_text("a 1/1 1.0: page-faults: 2000\nb 2/2 1.0: page-faults: 2000\n")
    (tmp_path / "d.txt").write_text("x: damon_aggregated: target_id=0 nr_regions=1 4096-8192: 5 0\n")
    cases = {
        ("lackey", "l.txt"): ([0, 1], [False, True]),
        ("pages", "p.txt", "--hex"): ([0, 1, 0], [False] * 3),
        ("csv", "c.csv", "--page", "page", "--write", "op", "--keep"): ([7, 8], [True, False]),
        ("oracleGeneral", "o.bin"): ([0, 0], [False, False]),
        ("arc", "s.lis", "--keep"): ([0], [False]),
        ("arc", "s.lis", "--keep", "--block", 4096): ([3, 4], [False, False]),
        ("vscsi", "v.bin", "--keep"): ([1, 1], [True, True]),
        ("perf-script", "s.txt"): ([0, 1], [False, False]),
        ("damon", "d.txt", "--samples", 5, "--rounds", 2): ([0, 0], [False, False]),
    }
    for (form, name, *options), (page, write) in cases.items():
        done = mmrun_trace("import", form, tmp_path / name, "-o", tmp_path / "out.mmt", *options)
        assert done.exit_code == 0, done.stderr
        found = open_trace(tmp_path / "out.mmt")
        assert (found.page.tolist(), found.write.tolist()) == (page, write)
        assert found.meta["format"] == form and found.meta["source"] == name


def test_import_refuses_in_a_sentence(tmp_path):
    (tmp_path / "p.txt").write_text("1\noops\n")
    done = mmrun_trace("import", "pages", tmp_path / "p.txt", "-o", tmp_path / "out.mmt")
    assert done.exit_code == 2 and "p.txt:2: expected a page number" in done.stderr
    done = mmrun_trace("import", "csv", tmp_path / "p.txt", "-o", tmp_path / "out.mmt")
    assert done.exit_code == 2 and "column of the page or the column of the address" in done.stderr
    (tmp_path / "p.txt").write_text("# nothing\n")
    done = mmrun_trace("import", "pages", tmp_path / "p.txt", "-o", tmp_path / "out.mmt")
    assert done.exit_code == 2 and f"{tmp_path}/p.txt: the input holds no accesses" in done.stderr
    assert not (tmp_path / "out.mmt").exists()


def test_fold_gives_what_recording_with_that_window_gives(tmp_path):
    rng = np.random.default_rng(2)
    pages, writes = rng.zipf(1.3, 9_000) % 60, rng.random(9_000) < 0.2
    lines = [f" {'S' if w else 'L'} {int(p) << 12:x},4" for p, w in zip(pages, writes, strict=True)]
    (tmp_path / "l.txt").write_text("\n".join(lines) + "\n")
    for fold, out in ((1, "one.mmt"), (8, "eight.mmt")):
        done = mmrun_trace("import", "lackey", tmp_path / "l.txt", "-o", tmp_path / out, "--fold", fold)
        assert done.exit_code == 0, done.stderr
    done = mmrun_trace("fold", tmp_path / "one.mmt", "-o", tmp_path / "folded.mmt", "--fold", 8)
    assert done.exit_code == 0, done.stderr
    once, twice = open_trace(tmp_path / "eight.mmt"), open_trace(tmp_path / "folded.mmt")
    assert once.accesses < 9_000 and once.digest == twice.digest
    assert twice.meta["of"] == open_trace(tmp_path / "one.mmt").meta


def test_fold_refuses_several_tasks(tmp_path):
    write_trace(tmp_path / "t.mmt", [(np.arange(9), np.zeros(9, bool), np.arange(9) % 2)], {})
    done = mmrun_trace("fold", tmp_path / "t.mmt", "-o", tmp_path / "o.mmt", "--fold", 8)
    assert done.exit_code == 2 and "of 2 tasks" in done.stderr and not (tmp_path / "o.mmt").exists()


def test_a_device_is_never_replaced(tmp_path):
    """Writing to a node of a device once made a regular file of it."""
    (tmp_path / "p.txt").write_text("1\n2\n")
    for words in (
        ["import", "pages", tmp_path / "p.txt"],
        ["synthesise", "loop", "-p", "size=1MiB", "-p", "accesses=9"],
    ):
        done = mmrun_trace(*words, "-o", "/dev/full")
        assert done.exit_code == 2 and "/dev/full: cannot be written: it is a device" in done.stderr
    assert not os.path.isfile("/dev/full")


def test_synthesise_refuses_more_pages_than_a_trace_holds(tmp_path):
    for size in ("4000PiB", "64TiB"):
        done = mmrun_trace("synthesise", "loop", "-p", f"size={size}", "-p", "accesses=9", "-o", tmp_path / "t.mmt")
        assert done.exit_code == 2 and "1B to 2TiB" in done.stderr and not list(tmp_path.iterdir())
