"""Quantities and plain scalars: vectors, exactness, round trips, messages."""

from fractions import Fraction

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mmrun.runner.config import units
from mmrun.runner.config.yaml_scalars import Trap, plain

VECTORS = [
    ("4KiB", "bytes", 4096), ("1.5GiB", "bytes", 1_610_612_736), ("4 MiB", "bytes", 4 << 20), ("1kB", "bytes", 1000),
    ("0.5kB", "bytes", 500), ("3PiB", "bytes", 3 << 50), ("7B", "bytes", 7), ("0B", "bytes", 0), (0, "bytes", 0),
    ("2TB", "bytes", 2 * 10**12), ("+1MB", "bytes", 10**6),
    ("100ns", "ns", 100), ("1.2us", "ns", 1200), ("1.2µs", "ns", 1200), ("5ms", "ns", 5_000_000),
    ("2s", "ns", 2 * 10**9),
    ("1.5min", "ns", 90 * 10**9), ("1h", "ns", 3600 * 10**9), ("0.000000001s", "ns", 1),
    ("10Gbit/s", "bytes/s", 1_250_000_000), ("8bit/s", "bytes/s", 1), ("2GB/s", "bytes/s", 2 * 10**9),
    ("1GiB/s", "bytes/s", 1 << 30), ("19.5MB/s", "bytes/s", 19_500_000), ("1Tbit/s", "bytes/s", 125 * 10**9),
]  # fmt: skip


@pytest.mark.parametrize(("text", "unit", "value"), VECTORS)
def test_vectors(text: object, unit: str, value: int):
    assert units.parse(text, unit) == value


def test_percentages_are_exact():
    assert units.parse_exact("12.5%", "ratio") == Fraction(1, 8)
    assert units.percent_of("33.3%", 1 << 30, 4096) == (1 << 30) * 333 // 1000 // 4096 * 4096
    assert units.percent_of("100%", 12_345_678, 4096) == 12_345_678 // 4096 * 4096


BAD = [
    (4096, "bytes", "has no unit"), ("4096", "bytes", "has no unit"), (1.5, "ns", "has no unit"),
    (True, "bytes", "`true`"),
    (None, "ns", "null"), ([1], "ns", "a list"), ({"a": 1}, "ns", "a mapping"), ("4G", "bytes", "unknown unit `G`"),
    ("4GIB", "bytes", "unknown unit"), ("4Kb", "bytes", "unknown unit"), ("-4KiB", "bytes", "negative"),
    ("4GiB", "ns", "is a size, a time is expected"), ("3s", "bytes/s", "is a time, a rate is expected"),
    ("5%", "bytes", "percentage"),
    ("1.3ns", "ns", "whole number of ns"), ("1e3ns", "ns", "unknown unit"), ("", "ns", "is not a time"),
    ("GiB", "bytes", "is not a size"),
    ("9" * 60 + "B", "bytes", "too large"), ("9" * 99 + "B", "bytes", "is not a size"),
    ("1,5s", "ns", "unknown unit"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "unit", "words"), BAD)
def test_refusals_say_why_and_what_instead(text: object, unit: str, words: str):
    with pytest.raises(units.UnitError, match=words) as caught:
        units.parse(text, unit)
    assert len(caught.value.fix) > 5


@given(st.integers(0, units.LIMIT - 1), st.sampled_from(["bytes", "ns", "bytes/s"]))
def test_what_is_shown_reads_back(value: int, unit: str):
    assert units.parse(units.show(value, unit), unit) == value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(4 << 30, "bytes", "4GiB"), (10**9, "bytes", "1GB"), (94_000, "ns", "94us"),
     (1_250_000_000, "bytes/s", "10Gbit/s"), (0, "ns", "0ns"), (120 * 10**9, "ns", "2min"), (4097, "bytes", "4097B")],
)  # fmt: skip
def test_shown_as_people_write(value: int, unit: str, text: str):
    assert units.show(value, unit) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-7", -7), ("12", 12), ("1.50", 1.5), ("-0.5", -0.5), ("1.0e+3", 1000.0), ("true", True),
     ("false", False), ("null", None), ("~", None), ("4GiB", "4GiB"), ("server-2", "server-2"), ("3.1.4", "3.1.4"),
     ("6.18+mglru", "6.18+mglru")],
)  # fmt: skip
def test_words_with_one_reading(text: str, value: object):
    read = plain(text)
    assert read == value and type(read) is type(value)


def test_an_accepted_word_means_the_same_to_pyyaml():
    """What the strict reader takes as a number, truth or null is what YAML 1.1 makes of it too."""
    words = ["0", "12", "-7", "1.5", "1.0e+3", "true", "false", "null", "~", "abc", "4GiB"]
    assert [plain(word) for word in words] == [yaml.safe_load(word) for word in words]


@pytest.mark.parametrize(
    ("text", "fix"),
    [("1_000", "1000"), ("0._", "0.0"), (".5_0", "0.50"), ("-1_.", "-1.0"), ("01.5", "1.5"), ("-00.", "-0.0")],
)
def test_numbers_to_some_readers_only_are_refused_with_what_to_write(text: str, fix: str):
    read = plain(text)
    assert isinstance(read, Trap) and read.fix.startswith(f"write {fix}")
    assert yaml.safe_load(text) == plain(fix)


@given(st.from_regex(r"[-+0-9._:xobeEnaiyYNOf~]{1,8}", fullmatch=True))
@example("0._")
@example("01.5")
def test_no_word_is_read_in_two_ways(text: str):
    """A word is either refused, or text for both readers, or the same value for both."""
    read = plain(text)
    if isinstance(read, Trap):
        assert read.message and read.fix
        return
    try:
        other = yaml.safe_load(f"- {text}\n")
    except (yaml.YAMLError, ValueError):
        return
    if isinstance(other, list) and len(other) == 1 and not isinstance(other[0], dict | list):
        assert other[0] == read and type(other[0]) is type(read), (text, other[0])
