"""`mmrun explain` knows subjects and the names people know from /proc and from cgroups."""

import pytest

from mmrun.runner.explain import subjects
from mmrun.runner.explain.entry import wrapped
from mmrun.runner.explain.explain import NothingKnown, look_up


@pytest.mark.parametrize(
    "asked, says",
    [
        ("thp", "transparent_hugepage_defrag"), ("THP", "huge pages"), ("psi", "stall_alloc_ns"),
        ("memory.pressure", "stall_alloc_ns"),
        ("tcp", "netstream"), ("oom", "is killed"), ("outcome", "How a run ended"), ("page tables", "512"),
        ("page_tables", "512"), ("tiering", "cpus: 0"), ("iommu", "invalidation queue"), ("kernels", "Versions of Linux"),
        ("cma", "machine.cma"), ("series", "sampling"), ("watermark_boost_factor", "fallbacks may raise"),
        ("pageblocks", "2 MiB"),
        ("until", "Stein's two stages"), ("numa balancing", "hint faults"), ("zswap", "vm.zswap: true"),
        ("/sys/kernel/mm/transparent_hugepage", "huge pages everywhere"),
    ],
)  # fmt: skip
def test_subjects(asked, says):
    assert says in " ".join(str(look_up(asked)[0]).split())


@pytest.mark.parametrize(
    "asked, name",
    [("memory.low", "cgroups.low"), ("memory.high", "cgroups.high"), ("memory.max", "cgroups.max"),
     ("memory.swap.max", "cgroups.swap_max"), ("memory.soft_limit_in_bytes", "cgroups.soft_limit"),
     ("/proc/sys/vm/swappiness", "vm.swappiness"), ("vm.dirty_ratio", "vm.dirty_ratio")],
)  # fmt: skip
def test_names_of_files_lead_to_keys(asked, name):
    assert name in [entry.name for entry in look_up(asked)]


def test_what_a_subject_points_at_can_be_explained():
    for each in set(subjects.subjects().values()):
        assert all(look_up(name) for name in each.see), each.name


def test_a_counter_says_of_whom_it_is_told():
    assert "told of each group" in look_up("events_max")[0].text
    assert "of each disk" in look_up("write_bandwidth")[0].text
    assert "four buckets an octave" in look_up("fsync_p99_ns")[0].text


def test_versions_are_not_cut_at_their_dots():
    with pytest.raises(NothingKnown) as unknown:
        look_up("18")
    assert "`18`" not in str(unknown.value).partition("(")[2] and "6.18" in str(unknown.value)


def test_lines_that_a_source_file_broke_are_one_paragraph():
    text = "a word " * 16 + "and so\non it goes"
    assert "so on it goes" in " ".join(" ".join(wrapped(text)).split()) and len(wrapped(text)) == 2
    assert wrapped("one\ntwo") == ["  one", "  two"]
