"""Malformed experiments through the command line: exit code 2, the place, a usable sentence, never a traceback."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmrun.runner.cli import main
from tests.runner.config_cases import CASES, VALID, Case

PLACE = re.compile(r"(?P<file>[^\n]*?\.yaml)(:(?P<line>\d+):(?P<column>\d+))?: (?P<message>.+)")


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and talk of `mmrun check`."""
    code = main(["check", str(path)])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err and "Traceback" not in captured.out
    return code, captured.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bad.mmt").write_bytes(b"\x89MMT\r\n\x1a\n" + bytes(100))
    return tmp_path


def test_the_starting_point_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "valid.yaml"
    config.write_text(VALID)
    code, said = check(config, capsys)
    assert code == 0 and "uses the device" in said and len(said.splitlines()) == 1, "a warning"


def test_there_are_at_least_a_hundred():
    assert len({case.text() for case in CASES}) >= 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.new.splitlines()[0][:50] if case.new else "removed")
def test_malformed(case: Case, folder: Path, capsys: pytest.CaptureFixture[str]):
    config = folder / "bad.yaml"
    config.write_text(case.text())
    code, talk = check(config, capsys)
    assert code == 2
    found = [match for line in talk.splitlines()[:-1] if (match := PLACE.fullmatch(line))]
    assert len(found) == len(talk.splitlines()) - 1, talk
    hits = [match for match in found if case.words in match["message"]]
    assert hits, talk
    assert case.expected_line() in [int(match["line"]) for match in hits] or case.words == "not YAML", talk
    assert all(len(match["message"]) > 12 for match in found)


TWO_FAULTS = {  # what is changed is wrong twice over, or something elsewhere in the file refers to what is gone
    "name: demo", "seed: 7\nvm: {}", "vm: 60", "vm: [60]", "kind: nfs, link: wan", "stall_from: 1s, stall_until: 2s",
    "vm.swappines: [0, 60]", "vm.swappiness.deep: [0, 60]", "experiment: &x [*x]",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.new.splitlines()[0][:50] if case.new else "removed")
def test_what_is_refused_starts_no_second_complaint(case: Case, folder: Path, capsys: pytest.CaptureFixture[str]):
    config = folder / "bad.yaml"
    config.write_text(case.text())
    *errors, _ = check(config, capsys)[1].splitlines()
    assert (len(errors) == 1) == (case.new not in TWO_FAULTS), errors


REFUSED = [
    ("size: 60%, accesses: 1000", "size: 150%, accesses: 1000", ["more than the whole"]),
    ("size: 60%, accesses: 1000", "size: 010, accesses: 1000", ["octal"]),
    ("size: 60%, accesses: 1000", "size: 64, accesses: no", ["has no unit", "truth value"]),
    ("kind: loop, size: 64MiB", "kind: phases, size: 64MiB, working_set: 200%, phase: 9", ["more than the whole"]),
    ("kind: loop, size: 64MiB", "kind: metadata, objects: 9, mount_hold: 5", ["has no unit"]),
    ("max: 50%", "max: 150%, min: 5GiB", ["more than the whole"]),
    ("size: 4GiB}", "size: 4G}", ["unknown unit"]),
]


@pytest.mark.parametrize(("old", "new", "words"), REFUSED)
def test_nothing_follows_from_a_refused_quantity(
    old: str, new: str, words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
):
    """Not even from those that a dataclass compares with others, or finds too small."""
    *errors, _ = check(write(folder, bad=Case(old, new, "").text()), capsys)[1].splitlines()
    assert len(errors) == len(words) and all(any(word in error for error in errors) for word in words), errors


def write(folder: Path, **files: str | bytes) -> Path:
    """Write files called `<name>.yaml`; the path of the first."""
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}.yaml").write_bytes(data)
    return folder / f"{next(iter(files))}.yaml"


BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else '1'}]\n" for n in range(9))
FILES = {
    "empty": (b"", "empty"),
    "only a comment": (b"# nothing\n", "empty"),
    "a list": (b"- experiment: x\n", "must hold a mapping"),
    "a word": (b"hello\n", "must hold a mapping"),
    "latin-1": ("description: \xe9t\xe9\n".encode("latin-1"), "not UTF-8"),
    "utf-16": ("experiment: x\n".encode("utf-16"), "not UTF-8"),
    "an executable": (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 40, "is not UTF-8"),
    "zero bytes": (bytes(4096), "control character"),
    "too large": (b"# filler\n" * 130_000, "larger than 1 MiB"),
    "too deep": (b"a: " + b"[" * 200_000, "nested deeper"),
    "too many values": (b"a: [" + b"1," * 150_000 + b"1]\n", "more than 100,000 values"),
    "an alias bomb": (BOMB.encode(), "aliases expand"),
    "windows tabs": (b"machine:\r\n\tnodes: 1\r\n", "a tab"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_are_no_configuration(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content, words = FILES[kind]
    code, talk = check(write(tmp_path, bad=content), capsys)
    assert code == 2 and words in talk and "bad.yaml" in talk


def test_absent_and_unreadable_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for path in (tmp_path / "absent.yaml", tmp_path, tmp_path / ("x" * 300)):
        code, talk = check(path, capsys)
        assert code == 2 and "cannot read" in talk and path.name in talk
    code, talk = check(Path("/proc/self/mem"), capsys)
    assert code == 2 and "cannot read" in talk


def test_includes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cases = [
        (
            {"a": "include: [b.yaml]\n", "b": "include: [c.yaml]\n", "c": "x: 1\ninclude: [a.yaml]\n"},
            "c.yaml:2:11",
            "each other",
        ),
        ({"a": "include: [a.yaml]\n"}, "a.yaml:1:11", "a.yaml -> "),
        ({"a": "include: [absent.yaml]\n"}, "a.yaml:1:11", "cannot read"),
        ({"a": "include: b.yaml\n"}, "a.yaml:1:10", "takes a list"),
        ({"a": "include: [3]\n"}, "a.yaml:1:11", "a file name"),
        ({"a": "include: [b.yaml]\nvm: {swappiness: no}\n", "b": "kernel: 010\n"}, "b.yaml:1:9", "octal"),
        ({"a": "include: [b.yaml]\n", "b": b"\xff\xfe"}, "b.yaml:1:1", "not UTF-8"),
    ]
    for files, place, words in cases:
        code, talk = check(write(tmp_path, **files), capsys)
        assert code == 2 and any(place in line and words in line for line in talk.splitlines()), talk


def test_machines_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cases = [
        ("machine: server-3\n", {}, "a.yaml:1:10: no machine `server-3` (did you mean"),
        ("machine: ../a\n", {}, "a.yaml:1:10: `../a` is not the name"),
        ("machine: {base: loop}\n", {"loop": "base: loop\n"}, "loop.yaml:1:7: the machine `loop` is its own base"),
        ("machine: {base: [x]}\n", {}, "a.yaml:1:17: `base` takes the name"),
        ("machine: bad\n", {"bad": "nodes: [{memory: 1}]\n"}, "bad.yaml:1:18: `1` has no unit"),
        ("machine: {base: laptop, swap: {nvme: null}}\n", {}, "a.yaml:1:32: nothing called `nvme` to remove here"),
    ]
    for text, machines, words in cases:
        code, talk = check(write(tmp_path, a=text, **machines), capsys)
        assert code == 2 and words in talk, talk


def test_everything_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Faults of the YAML, of types, of units, of names in one file are all reported by one run."""
    text = VALID
    changes = {"cpus: 4, memory: 1GiB}": "cpus: x, memory: 4}", "untrusted: true": "untrusted: maybe",
               "every: 10ms": "every: 10", "exponent: 0.9": "exponnt: 0.9",
               "replicates: 2": "replicates: x", "place: home": "place: hum"}  # fmt: skip
    for old, new in changes.items():
        text = text.replace(old, new, 1)
    code, talk = check(write(tmp_path, a=text), capsys)
    lines = {int(match["line"]) for line in talk.splitlines() if (match := PLACE.fullmatch(line))}
    assert code == 2 and {6, 17, 25, 34, 37, 44} <= lines, talk


JUNK = st.sampled_from(
    ["null", "[]", "{}", "[1, [2]]", "{a: {b: 1}}", "no", "010", "1:30", "4", "-1", "3.7", "4GiB", "10s", "25%",
     "1e9", '""', "'x'", "*a", "&a b", "!t x", "server-2", "true", "zipf",
     "999999999999", "- x", "? y", "\t", "\u2028", "%", "@"]
)  # fmt: skip


def broken(draw: st.DrawFn) -> str:
    lines = VALID.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        at = draw(st.integers(0, len(line)))
        change = draw(st.sampled_from(["value", "drop", "double", "cut", "insert", "flow", "swap"]))
        if change == "value" and ":" in line:
            line = line[: line.index(":") + 1] + " " + draw(JUNK)
        elif change == "flow" and ":" in line:
            line = re.sub(r": [^,{}\[\]]+(?=[,}])", lambda _: ": " + draw(JUNK), line, count=1)
        elif change == "double":
            line = line + "\n" + line
        elif change == "cut":
            line = line[:at]
        elif change == "insert":
            line = line[:at] + draw(st.text(max_size=3)) + line[at:]
        elif change == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[index], lines[other] = lines[other], lines[index]
            continue
        lines[index] = "" if change == "drop" else line
    return "\n".join(lines) + "\n"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.composite(broken)())
def test_mutations_never_surprise(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Whatever is done to a valid file, the answer is yes, or errors with places."""
    config = write(tmp_path, a=text.encode("utf-8", "surrogatepass"))
    code, talk = check(config, capsys)
    assert code in (0, 2)
    errors = [line for line in talk.splitlines() if not line.startswith("warning: ")]
    assert bool(errors) == (code == 2)
    if code == 2:
        assert all(re.match(r".*a\.yaml(:\d+:\d+)?: ", line) or "more errors" in line for line in errors[:-1]), talk


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_bytes_never_surprise(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, talk = check(write(tmp_path, a=data), capsys)
    assert code == 2 and "a.yaml" in talk
