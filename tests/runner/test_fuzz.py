"""Fuzzing of everything that reads what a stranger may have written: `check`, traces, records.

Whatever is read, the answer is a result or the reader's own refusal; never another exception, a control character on
the terminal or a wait. Inputs are made of good ones by Hypothesis: edits, hostile words in the place of values, headers
that lie with right checksums. The short run is part of every test run, the long one of `--slow`.
"""

import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.model.trace import TraceError, blocks, open_trace, write_trace
from mmrun.model.trace import importers as readers
from mmrun.model.trace.damon import recording
from mmrun.model.trace.info import describe
from mmrun.model.trace.perf_script import PerfScript
from mmrun.model.trace.table import Columns, CsvReader
from mmrun.runner.cli import main
from mmrun.runner.store.records import DamagedRecord, decode
from mmrun.runner.store.shelf import Shelf
from mmrun.runner.store.states import states
from mmrun.runner.store.store import Store
from tests.model.test_trace_forged import forge
from tests.runner.config_cases import VALID
from tests.runner.test_hostile_results import GOOD, forged, sealed

WORDS = (
    "no", "010", "0x" + "F" * 4_000, "1:30", "1_000", "1e3", ".5", ".inf", "null", '""', "-1", "0", "255", "16385",
    "9223372036854775808", "9" * 5_000, "1.0e+308", "4095B", "4KiB", "4096PiB", "-4KiB", "1000000h", "0s",
    '"\\0"', '"\\e[31m"', '"\\u202e"', '"a\\nb"', "²", "٣", "x" * 5_000, "../../etc/passwd", "/dev/zero", "*a",
    "!!python/object/apply:os.system ['true']", "{}", "[]", "[[]]", "[null]", "{a: 1, a: 2}", "{<<: {a: 1}}", "[" * 40,
    "[1, 2", "'", "|", "trace", "zipf", "opt", '"3.1"', "{variant: split, file: /etc/passwd}", "{base: laptop}", "all",
    "&a [*a]", "{kind: trace, path: /dev/zero}", "[0, 0]", "[99999999999]", "[a, [b]]", "true", "ssd", "\t", "\x1b",
    "---", "99999999999%",
)  # fmt: skip
KEYS = (
    "x",
    "include",
    "base",
    "nodes",
    "memory",
    "tasks.*.node",
    "machine.nodes.²",
    "machine.nodes." + "9" * 5_000,
    "<<",
    '"a\\e"',
)
FEW_OR_MANY = pytest.mark.parametrize("examples", [25, pytest.param(1_000, marks=pytest.mark.slow)])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def attempt(examples: int, test: Callable[..., None], **strategies: Any) -> None:
    """Run the test on that many drawn inputs."""
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    settings(max_examples=examples, deadline=None, suppress_health_check=quiet)(given(**strategies)(test))()


def edited(draw: st.DataObject, lines: list[str]) -> str:
    """Lines with one to three of them edited."""
    lines = list(lines)
    words = st.sampled_from(WORDS)
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, len(lines) - 1))
        line, word = lines[at], draw.draw(words | st.text(max_size=8))
        key, colon, value = line.partition(":")
        digits = re.sub(r"\d+", lambda found: draw.draw(words), line)
        elsewhere = f"{draw.draw(st.sampled_from(KEYS))}: {word}"
        edits = (f"{key}: {word}", f"{key}x{colon}{value}", elsewhere, "   " + line, line + "\n" + line, "", digits)
        lines[at] = draw.draw(st.sampled_from(edits))
    return "\n".join(lines) + "\n"


@FEW_OR_MANY
@pytest.mark.timeout(3_000)
def test_check(examples, tmp_path, capsys):
    def case(draw: st.DataObject) -> None:
        text = edited(draw, VALID.splitlines())
        (tmp_path / "c.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        code = main(["check", str(tmp_path / "c.yaml")])
        said = "".join(capsys.readouterr())
        assert code in (0, 2), said
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)
        *errors, last = said.splitlines()
        assert code == 0 or last.endswith("nothing was run")
        assert code == 0 or all(line.startswith(f"{tmp_path}/c.yaml:") for line in errors)

    attempt(examples, case, draw=st.data())


@FEW_OR_MANY
@pytest.mark.timeout(3_000)
def test_bytes_in_the_place_of_yaml(examples, tmp_path, capsys):
    def case(junk: bytes, at: int) -> None:
        good = VALID.encode()
        (tmp_path / "c.yaml").write_bytes(good[:at] + junk + good[at + len(junk) // 2 :])
        assert main(["check", str(tmp_path / "c.yaml")]) in (0, 2), capsys.readouterr().err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", "".join(capsys.readouterr()))

    attempt(examples, case, junk=st.binary(max_size=9), at=st.integers(0, len(VALID)))


@FEW_OR_MANY
@pytest.mark.timeout(3_000)
def test_trace_headers(examples, tmp_path):
    rng = np.random.default_rng(1)
    write_trace(tmp_path / "t.mmt", [(rng.integers(0, 9, 400), rng.random(400) < 0.3, rng.integers(0, 3, 400))], {})
    good = (tmp_path / "t.mmt").read_bytes()
    fields = ("npages", "accesses", "writes", "tasks", "page_size", "digest", "made", "sections", "format", "more")
    parts = ("name", "encoding", "offset", "size", "sha256", "more")
    numbers = st.integers(-2, 500) | st.sampled_from([2**32, 2**62])

    def case(field: str, part: str, which: int, value: Any) -> None:
        def change(header: dict[str, Any]) -> None:
            place, name = (header, field) if field else (header["sections"][which], part)
            place[name] = value

        (tmp_path / "f.mmt").write_bytes(forge(good, change))
        try:
            found = describe(open_trace(tmp_path / "f.mmt"))
        except TraceError as error:
            assert "f.mmt" in str(error)
        else:
            assert found.accesses == 400 and found.npages >= 9

    attempt(
        4 * examples, case, field=st.sampled_from(("", *fields)), part=st.sampled_from(parts), which=st.integers(0, 2),
        value=JSON | numbers,
    )  # fmt: skip


LINES = {
    "lackey": (" L 1000,4\n", " S ffffffffffffffff,8\n", " M 0fff,4096\n", "I  4000,3\n", "==1== x\n", " L -1,4\n"),
    "pages": ("1\n", "0x10\n", "# x\n", "\n", "1" * 19 + "\n", "0x\n", "-1\n", "1 2\n", " 7 \r\n"),
    "csv": ("page,write\n", "1,0\n", '"2",w\n', '"\n', "²,1\n", "9" * 5_000 + ",1\n", "0x10,r\n", ",\n", "1\n"),
    "arc": ("1 8 0 0\n", "\n", "9 999999999 0 1\n", "1 2 3\n", " 7\t1 0 9\r\n", "x 1 2 3\n"),
    "perf-script": (
        "a 1/2 1.0: e: 12\n",
        "b c 3 [0] 1.0: 9 e:u: ff |OP STORE\n",
        "# x\n",
        "a 1 1.0: e: 12 f+0x1\n",
        "x 4 1.0: f: address=0x1000 ip=0 error_code=0x6\n",
        "a 1: :\n",
    ),
}
RECORDS = st.binary(min_size=24, max_size=24).map(lambda raw: raw.decode("latin-1"))
REQUESTS = st.binary(min_size=0, max_size=8).map(
    lambda raw: (raw + bytes(16))[:12].decode("latin-1") + "\x28\0\0\1" + "\0" * 16
)
BINARY = {"oracleGeneral": RECORDS, "vscsi": REQUESTS}
PIECES = {form: st.sampled_from(lines) for form, lines in LINES.items()} | BINARY
READERS: dict[str, Callable[[str], Any]] = {
    "lackey": lambda path: readers.lackey(path, fold=2),
    "pages": readers.page_list,
    "csv": lambda path: iter(CsvReader(path, Columns(page="0", write="1", header=False))),
    "oracleGeneral": readers.oracle_general,
    "arc": blocks.arc,
    "vscsi": blocks.vscsi,
    "perf-script": lambda path: iter(PerfScript(path)),
}


def packed(suffix: str, raw: bytes) -> bytes:
    """The bytes as a file with this suffix holds them."""
    if suffix == ".zst":
        return zstandard.ZstdCompressor().compress(raw)
    packer = zlib.compressobj(wbits=31)
    return packer.compress(raw) + packer.flush() if suffix == ".gz" else raw


@FEW_OR_MANY
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("form", PIECES)
def test_foreign_traces(form, examples, tmp_path):
    def case(pieces: list[str], junk: bytes, at: int, suffix: str, cut: int) -> None:
        text = "".join(pieces).encode("latin-1" if form in BINARY else "utf-8")
        raw = packed(suffix, text[:at] + junk + text[at:])
        path = tmp_path / f"in{suffix}"
        path.write_bytes(raw[: len(raw) - cut])
        try:
            header = readers.import_trace(READERS[form](str(path)), tmp_path / "out.mmt", {})
        except TraceError as error:
            assert "\n" not in str(error)
        else:
            assert describe(open_trace(tmp_path / "out.mmt")).accesses == header.accesses > 0

    attempt(
        2 * examples, case, pieces=st.lists(PIECES[form], max_size=20), junk=st.just(b"") | st.binary(max_size=5),
        at=st.integers(0, 60), suffix=st.sampled_from(("", ".zst", ".gz")), cut=st.sampled_from((0, 0, 0, 1, 9)),
    )  # fmt: skip


REGION = '{"start": "4,096", "end": 8192, "nr_accesses": {"samples": 3}}'
DAMON = (
    "x: damon_aggregated: target_id=0 nr_regions=2 0-4096: 1 0\n", "y: damon_aggregated: target_id=1\n",
    "nr_regions: 1\n", "target_id: 7\n", "0000-ffff (1 B) 3 1\n", '[{"target_id": 1, "snapshots": [',
    '{"end_time": 5, "regions": [', REGION, "]}", "]}]", ",", "PERFILE2",
)  # fmt: skip


@FEW_OR_MANY
@pytest.mark.timeout(3_000)
def test_recordings_of_damon(examples, tmp_path):
    def case(pieces: list[str], junk: bytes, at: int, pack: bool, cut: int) -> None:
        text = "".join(pieces).encode()
        raw = text[:at] + junk + text[at:]
        raw = zlib.compress(raw) if pack else raw
        (tmp_path / "in").write_bytes(raw[: len(raw) - cut])
        try:
            found = recording(str(tmp_path / "in"))
        except TraceError as error:
            assert "\n" not in str(error)
        else:
            assert found.snapshots and found.samples

    attempt(
        examples, case, pieces=st.lists(st.sampled_from(DAMON), max_size=12), at=st.integers(0, 60),
        junk=st.just(b"") | st.binary(max_size=5), pack=st.booleans(), cut=st.sampled_from((0, 0, 1, 9)),
    )  # fmt: skip


@FEW_OR_MANY
@pytest.mark.timeout(3_000)
def test_records(examples, tmp_path):
    fields = list(GOOD.__dataclass_fields__)

    def case(field: str, inner: str, value: Any, series: bool) -> None:
        def change(head: dict[str, Any]) -> None:
            place = head[field] if inner and isinstance(head[field], dict) else head
            place[inner if place is not head else field] = value

        data = forged(change)
        try:
            record = decode(data, series=series)
        except DamagedRecord:
            return
        store = Store(tmp_path)
        store.put([(GOOD.key, data)])
        shelf = Shelf(store, [GOOD.key], metrics=True)
        assert states([], shelf, lambda cell: "m") == {}
        whole = record.key == GOOD.key and record.status == "ok"
        assert shelf.table([GOOD.key if whole else None]).keys() <= record.metrics.keys()
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", record.error)

    names = st.sampled_from(("", "finished", "cpu_seconds", "misses", "outcome", "a", "new"))
    attempt(8 * examples, case, field=st.sampled_from(fields), inner=names, value=JSON, series=st.booleans())


@FEW_OR_MANY
@pytest.mark.timeout(3_000)
def test_bytes_in_the_place_of_a_record(examples):
    def case(text: bytes, size: int | None, sealing: bool) -> None:
        body = struct.pack("<Q", len(text) if size is None else size) + text
        with pytest.raises(DamagedRecord):
            decode(sealed(body) if sealing else body)

    heads = st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode())
    sizes = st.none() | st.integers(0, 2**64 - 1)
    attempt(8 * examples, case, text=heads, size=sizes, sealing=st.booleans())
