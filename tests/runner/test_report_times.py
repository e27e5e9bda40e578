"""Where time went, as `mmrun run` prints it."""

from mmrun.model.mm.task.settings import APART, OF_RECLAIM
from mmrun.runner.metrics import LABELS
from mmrun.runner.report.times import MOST, where_time_went


def told(**parts: dict[str, int]) -> dict[str, int]:
    """Metrics of tasks that spent their time so."""
    everything = (*APART, *OF_RECLAIM, "not_started_ns")
    return {f"task.{name}.{part}": own.get(part, 0) for name, own in parts.items() for part in everything}


def test_parts_come_largest_first_in_ms_and_percent():
    own = {"fault_ns": 16_500_000, "stall_memcg_ns": 600_000_000, "stall_file_ns": 33_500_000,
           "not_started_ns": 350_000_000, "stall_writeback_ns": 500_000_000, "stall_lock_ns": 1_000}  # fmt: skip
    assert where_time_went({"outcome": "ok"} | told(dd=own, idle={})) == [
        "task.dd: 1,000.000 ms",
        "  stall: cgroup limit                             600.000 ms   60.0 %",
        "    of reclaim: writeback                         500.000 ms   50.0 %",
        "    of reclaim: locks                               0.001 ms    0.0 %",
        "  not started yet                                 350.000 ms   35.0 %",
        "  stall: file reads                                33.500 ms    3.4 %",
        "  fault CPU time                                   16.500 ms    1.6 %",
    ]
    assert where_time_went({"elapsed_ns": 5}) == []


def test_of_many_tasks_the_longest_are_shown():
    lines = where_time_went(told(**{f"t{i}": {"hit_ns": 1000 + i} for i in range(MOST + 3)}))
    assert lines[0].startswith("task.t3:") and lines[-1] == "(3 more tasks took less time)"
    assert len(lines) == 2 * MOST + 1


def test_every_part_of_a_tasks_time_has_a_name():
    lines = where_time_went(told(busy=dict.fromkeys((*APART, *OF_RECLAIM, "not_started_ns"), 1_000_000)))
    assert len(lines) == 1 + len(APART) + 1 + len(OF_RECLAIM)


def test_every_part_of_a_tasks_time_has_words():
    assert {*APART, *OF_RECLAIM} <= LABELS.keys()
