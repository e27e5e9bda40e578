"""Journals and what stands on them: formulas against vectors computed apart from them, and the laws of transactions."""

import pytest

from mmrun.model.fs.ext4.delalloc import DELAYS, KICK, nonda_switch, percpu_counter_batch
from mmrun.model.fs.jbd2.formulas import (
    batching,
    log_blocks,
    max_transaction,
    old_space_left,
    overhead,
    smoothed,
    space_left,
)
from mmrun.model.mm.writeback.allocation import UNLIMITED, bump, normalized
from mmrun.model.units import MS, US, MiB


@pytest.mark.parametrize(
    ("blocks", "old", "new", "descriptors"),
    [(1024, 256, 341, 3), (4096, 1024, 1365, 7), (8192, 2048, 2730, 12), (16384, 4096, 5461, 23),
     (32768, 8192, 10922, 45), (65536, 16384, 21845, 88), (262144, 65536, 87381, 347)],
)  # fmt: skip
def test_a_transaction_is_a_part_of_the_log(blocks, old, new, descriptors):
    """A fourth of it to 5.17, a third in 6.12, which reserves descriptors and commit block beside."""
    assert (max_transaction(blocks, 4), max_transaction(blocks, 3)) == (old, new)
    assert overhead(new) == descriptors


@pytest.mark.parametrize(("metadata", "blocks"), [(0, 1), (1, 3), (253, 255), (254, 257), (5000, 5021)])
def test_a_commit_fills_descriptors_blocks_and_a_commit_block(metadata, blocks):
    assert log_blocks(metadata) == blocks


def test_space_left_in_the_log():
    assert (space_left(5000, 700), space_left(600, 700)) == (4268, 0)
    assert (old_space_left(5000), old_space_left(32), old_space_left(10240)) == (4347, 0, 8932)


@pytest.mark.parametrize(
    ("average", "age", "sleep"),
    [(3000, 1000, 3000), (3000, 5000, 0), (40000, 2000, 15000), (40000, 20000, 0), (200, 100, 200)],
)
def test_who_syncs_waits_as_long_as_a_commit_takes(average, age, sleep):
    assert batching(average * US, age * US, 0, 15 * MS) == sleep * US


@pytest.mark.parametrize(
    ("old_jbd", "averages"),
    [(False, [10000, 10000, 20000, 27500, 23125]), (True, [10000, 10000, 40000, 47500, 19375])],
)
def test_the_average_commit(old_jbd, averages):
    """jbd2 takes a fourth of the new one, jbd (ext3) three."""
    found, average = [], 0
    for this in (10000, 10000, 50000, 50000, 10000):
        average = smoothed(average, this, old_jbd)
        found.append(average)
    assert found == averages


@pytest.mark.parametrize(
    ("end", "pages", "first", "piece"),
    [(5000, 2, 0, (0, 4)), (70000, 1, 17, (0, 32)), (3 * MiB, 256, 512, (512, 512)), (6 * MiB, 512, 1024, (1024, 1024)),
     (100 * MiB, 1024, 24576, (24576, 2048)), (100 * MiB, 2048, 23552, (22528, 2048)),
     (100 * MiB, 4096, 21504, (21504, 4096))],
)  # fmt: skip
def test_what_mballoc_makes_of_a_request(end, pages, first, piece):
    assert normalized(end, pages, first) == piece


@pytest.mark.parametrize(
    ("wanted", "contiguous", "whole", "pages"),
    [(1024, 100, False, 1024), (1024, 5000, False, 5000), (1024, 100_000, False, 32768), (12800, 100_000, False, 32768),
     (1024, 0, True, 8192), (8192, 0, True, 32768), (UNLIMITED, 100, False, UNLIMITED)],
)  # fmt: skip
def test_ext4_of_3_0_writes_more_than_it_is_asked_for(wanted, contiguous, whole, pages):
    assert bump(wanted, contiguous, whole) == pages


@pytest.mark.parametrize(
    ("free", "delayed", "answer"),
    [(10000, 3000, DELAYS), (5900, 3000, DELAYS | KICK), (4400, 3000, KICK), (3500, 2000, DELAYS | KICK),
     (2924, 1900, DELAYS | KICK), (2923, 1900, KICK), (1000, 0, 0)],
)  # fmt: skip
def test_near_a_full_disk_blocks_are_allocated_at_once(free, delayed, answer):
    """With 8 CPUs, whose counters are off by a batch each."""
    assert nonda_switch(free, delayed, 8) == answer


def test_batches_of_counters():
    cpus = (1, 16, 17, 32, 64, 128, 256)
    assert [percpu_counter_batch(each) for each in cpus] == [32, 32, 34, 64, 128, 256, 512]
