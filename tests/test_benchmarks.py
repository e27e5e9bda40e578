"""The benchmarks' own arithmetic and tables; speed itself is never tested."""

from benchmarks.measure import Row
from benchmarks.table import as_markdown, as_text, number


def row(score: float, higher: bool = True, floor: float | None = 20, aim: float | None = 100) -> Row:
    return Row("machine", "touches", score, "M/s", score, "M/s", 500, "a bare loop", floor, aim, higher, "a note")


def test_a_row_says_which_goal_it_reaches():
    assert [row(score).verdict for score in (19.9, 20, 99.9, 100)] == ["below", "floor", "floor", "aim"]
    small = [row(score, higher=False, floor=2, aim=1.5).verdict for score in (2.1, 2, 1.6, 1.5)]
    assert small == ["below", "floor", "floor", "aim"]
    assert row(1, floor=None, aim=None).verdict == ""


def test_numbers_have_three_digits():
    assert [number(value) for value in (None, 0.123, 5.678, 56.78, 567.8, 5678)] == [
        "",
        "0.12",
        "5.68",
        "56.8",
        "568",
        "5678",
    ]


def test_tables_hold_every_column():
    text = as_text([row(50), row(200)]).splitlines()
    assert len(text) == 3 and " ".join(text[1].split()) == "touches 50.0 M/s 500 (a bare loop) 50.0 M/s 20.0 100 floor"
    page = as_markdown([row(50)], {"python": "3.11"})
    assert "| touches | 50.0 M/s | 500 (a bare loop) | 50.0 M/s | 20.0 | 100 | floor | a note |" in page
    assert "python 3.11" in page and page.startswith("# Benchmarks\n") and page.endswith("|\n")
