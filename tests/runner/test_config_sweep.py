"""The sweep grammar, from YAML to rows of labels and what they set."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.runner.config import units
from mmrun.runner.config.problems import ConfigErrors, Problems
from mmrun.runner.config.yaml_nodes import parse
from mmrun.runner.plan.axes import label_text
from mmrun.runner.plan.sweep import Grammar, Row


def rows_of(text: str) -> list[Row]:
    """Rows of a `sweep:` block; raises ConfigErrors."""
    problems = Problems()
    tree = parse(text.encode(), Path("s.yaml"), problems)
    rows = Grammar(problems).rows(tree)
    problems.raise_if_any()
    return rows


def labels(text: str) -> list[tuple]:
    return [tuple(level.label for level in row.values()) for row in rows_of(text)]


def test_nothing_swept_is_one_row():
    assert Grammar(Problems()).rows(None) == [{}]


def test_product_runs_the_last_axis_fastest():
    found = labels('product: {kernel: ["3.1", "6.18"], vm.swappiness: [0, 60]}\n')
    assert found == [("3.1", 0), ("3.1", 60), ("6.18", 0), ("6.18", 60)]


def test_zip_goes_side_by_side():
    assert labels('zip: {kernel: ["3.1", "6.18"], vm.swappiness: [0, 60]}\n') == [("3.1", 0), ("6.18", 60)]


def test_union_of_products_with_different_axes():
    rows = rows_of('union: [{kernel: ["3.1"], seed: [a, b]}, {kernel: ["6.18"]}]\n')
    assert [{name: level.label for name, level in row.items()} for row in rows] == [
        {"kernel": "3.1", "seed": "a"}, {"kernel": "3.1", "seed": "b"}, {"kernel": "6.18"},
    ]  # fmt: skip


def test_operators_nest_and_multiply():
    text = "product:\n  seed: [x, y]\n  zip: {duration: [1s, 2s], vm.page_cluster: [0, 3]}\n"
    assert labels(text) == [("x", "1s", 0), ("x", "2s", 3), ("y", "1s", 0), ("y", "2s", 3)]
    assert len(labels("product: {seed: [x, y]}\nzip: {duration: [1s, 2s], vm.page_cluster: [0, 3]}\n")) == 4


def test_named_levels_set_several_paths():
    rows = rows_of("product: {place: {base: null, home: {tasks.a.node: 1, machine.swap: null}}}\n")
    assert [row["place"].label for row in rows] == ["base", "home"]
    assert [each.path for each in rows[1]["place"].sets] == [("tasks", "a", "node"), ("machine", "swap")]
    assert rows[0]["place"].sets == ()


def test_exclude_and_when():
    base = 'product: {kernel: ["3.1", "6.18"], vm.swappiness: [0, 60, 100]}\n'
    assert labels(base + 'exclude: [{kernel: "3.1", vm.swappiness: [0, 60]}]\n') == [
        ("3.1", 100), ("6.18", 0), ("6.18", 60), ("6.18", 100),
    ]  # fmt: skip
    assert labels(base + 'when: [{if: {vm.swappiness: [0, 100]}, then: {kernel: "6.18"}}]\n') == [
        ("3.1", 60), ("6.18", 0), ("6.18", 60), ("6.18", 100),
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["lhs", "sobol", "random"])
def test_samples_keep_to_their_ranges_and_repeat(method: str):
    text = (
        f"sample: {{method: {method}, n: 20, seed: 3, axes: {{vm.min_free_kbytes: {{low: 0, high: 2000000}}, "
        "duration: {low: 1us, high: 1s, scale: log}, cgroups.a.max: {low: 4MiB, high: 1GiB}, "
        "kernel: ['3.1', '6.18']}}\n"
    )
    rows = rows_of(text)
    again = rows_of(text)
    assert labels(text) == [tuple(level.label for level in row.values()) for row in again]
    assert len(rows) == 20 and all(0 <= row["vm.min_free_kbytes"].label <= 2_000_000 for row in rows)
    assert {row["kernel"].label for row in rows} == {"3.1", "6.18"}
    sizes = [units.parse(row["cgroups.a.max"].label, "bytes") for row in rows]
    times = sorted(units.parse(row["duration"].label, "ns") for row in rows)
    assert all(4 << 20 <= size <= 1 << 30 and size % 4096 == 0 for size in sizes)
    assert times[0] >= 1000 and times[-1] <= 10**9 and times[10] < 10**8  # half lie below the middle by ratio
    if method == "lhs":
        assert len({row["vm.min_free_kbytes"].label // 100_000 for row in rows}) == 20  # one point a stratum


def test_too_many_cells_are_refused_before_they_are_made():
    values = ", ".join(str(number) for number in range(300))
    text = f"product: {{vm.swappiness: [{values}], vm.page_cluster: [{values}], vm.min_free_kbytes: [{values}]}}\n"
    with pytest.raises(ConfigErrors, match="27,000,000 cells"):
        rows_of(text)


names = st.sampled_from(["kernel", "seed", "duration", "vm.a", "tasks.*.node", "place"])
axis = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, axis, min_size=1, max_size=4), st.data())
def test_exclude_is_set_difference(axes: dict[str, list[int]], data: st.DataObject):
    """A product holds every combination once; `exclude` leaves exactly the rows that do not match."""
    text = "product: {" + ", ".join(f"'{name}': {values}" for name, values in axes.items()) + "}\n"
    if "place" in axes:
        axes.pop("place")
        if not axes:
            return
        text = "product: {" + ", ".join(f"'{name}': {values}" for name, values in axes.items()) + "}\n"
    whole = labels(text)
    size = 1
    for values in axes.values():
        size *= len(values)
    assert len(whole) == len(set(whole)) == size
    name = data.draw(st.sampled_from(sorted(axes)))
    gone = data.draw(st.lists(st.sampled_from(axes[name]), min_size=1, unique=True))
    at = list(axes).index(name)
    kept = [row for row in whole if row[at] not in gone]
    if kept:
        assert labels(text + f"exclude: [{{'{name}': {gone}}}]\n") == kept
    assert all(label_text(label) == str(label) for row in whole for label in row)
