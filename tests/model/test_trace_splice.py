"""Cutting windows out of traces and merging traces: in terms of plain lists."""

import numpy as np
import pytest

from mmrun.model.trace import TraceError, open_trace, write_trace
from mmrun.model.trace.splice import cut, merge
from tests.runner.test_trace_command import mmrun_trace

LENGTH = 150_000  # more than two blocks


@pytest.fixture
def made(tmp_path):
    """A trace of three tasks, as a file and as its columns."""
    rng = np.random.default_rng(1)
    columns = rng.integers(0, 900, LENGTH), rng.random(LENGTH) < 0.3, rng.integers(0, 3, LENGTH)
    write_trace(tmp_path / "t.mmt", [columns], {"by": "test"}, npages=1_000)
    return open_trace(tmp_path / "t.mmt"), columns


def columns_of(path) -> tuple[list, list, list]:
    trace = open_trace(path)
    task = np.zeros(trace.accesses, int) if trace.task is None else trace.task
    return trace.page.tolist(), trace.write.tolist(), task.tolist()


@pytest.mark.parametrize("window", [(0, None), (0, 10), (65_530, 65_540), (70_000, 140_001), (LENGTH - 1, LENGTH)])
def test_a_window_is_a_slice(made, tmp_path, window):
    trace, columns = made
    done = cut(trace, tmp_path / "o.mmt", *window)
    assert done.npages == 1_000
    assert columns_of(tmp_path / "o.mmt") == tuple(column[slice(*window)].tolist() for column in columns)


def test_tasks_are_chosen_and_pages_numbered_anew(made, tmp_path):
    trace, (page, _, task) = made
    cut(trace, tmp_path / "o.mmt", 5, 100_000, tasks=(2, 0))
    kept = np.isin(task[5:100_000], (0, 2))
    assert columns_of(tmp_path / "o.mmt")[0] == page[5:100_000][kept].tolist()
    assert columns_of(tmp_path / "o.mmt")[2] == task[5:100_000][kept].tolist()
    cut(trace, tmp_path / "o.mmt", 5, 50, tasks=(1,), renumber=True)
    first: dict[int, int] = {}
    mine = page[5:50][task[5:50] == 1].tolist()
    assert columns_of(tmp_path / "o.mmt")[0] == [first.setdefault(each, len(first)) for each in mine]
    assert open_trace(tmp_path / "o.mmt").npages == len(first)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", 9, "--to", 9), "9 to 9 is no window of it"),
        (("--to", LENGTH + 1), "is no window of it"),
        (("--task", 3), "holds tasks 0 to 2, not 3"),
    ],
)
def test_what_is_no_window_is_refused(made, tmp_path, words, told):
    done = mmrun_trace("cut", made[0].path, "-o", tmp_path / "o.mmt", *words)
    assert done.exit_code == 2 and told in done.stderr and not (tmp_path / "o.mmt").exists()


def test_a_window_without_the_task_is_refused(tmp_path):
    write_trace(tmp_path / "t.mmt", [(np.arange(4), np.zeros(4, bool), np.array([0, 0, 1, 1]))], {})
    with pytest.raises(TraceError, match="no access of the window"):
        cut(open_trace(tmp_path / "t.mmt"), tmp_path / "o.mmt", 0, 2, tasks=(1,))


def three(tmp_path) -> list:
    """Traces of 12, 6 and 3 accesses."""
    traces = []
    for name, length in (("a", 12), ("b", 6), ("c", 3)):
        write_trace(tmp_path / f"{name}.mmt", [(np.arange(length), np.arange(length) % 2 == 0)], {}, npages=20)
        traces.append(open_trace(tmp_path / f"{name}.mmt"))
    return traces


def test_merged_traces_take_turns_so_that_all_end_together(tmp_path):
    done = merge(three(tmp_path), tmp_path / "o.mmt", turn=1)
    page, write, task = columns_of(tmp_path / "o.mmt")
    assert (done.npages, done.tasks, done.accesses) == (60, 3, 21)
    assert "".join("abc"[each] for each in task[:7]) == "abacaba"
    for each, length in enumerate((12, 6, 3)):
        mine = [at for at, of in enumerate(task) if of == each]
        assert [page[at] for at in mine] == list(range(20 * each, 20 * each + length))
        assert [write[at] for at in mine] == [at % 2 == 0 for at in range(length)]
        gaps = np.diff([-1, *mine, 21])
        assert gaps.max() <= 21 / length + 2, "spread over the whole"


def test_turns_and_shared_pages(tmp_path):
    done = merge(three(tmp_path), tmp_path / "o.mmt", turn=3, shared=True)
    page, _, task = columns_of(tmp_path / "o.mmt")
    assert done.npages == 20 and max(page) == 11
    assert all(task[at : at + 3] == [task[at]] * 3 for at in range(0, 21, 3))


def test_cut_takes_apart_what_merge_put_together(made, tmp_path):
    write_trace(tmp_path / "u.mmt", [(np.arange(5_000) % 70, np.zeros(5_000, bool))], {})
    done = mmrun_trace("merge", made[0].path, tmp_path / "u.mmt", "-o", tmp_path / "m.mmt", "--turn", 7)
    assert done.exit_code == 0, done.stderr
    done = mmrun_trace(
        "cut", tmp_path / "m.mmt", "-o", tmp_path / "o.mmt", *(w for t in range(3) for w in ("--task", t))
    )
    assert done.exit_code == 0, done.stderr
    assert columns_of(tmp_path / "o.mmt") == columns_of(made[0].path)
