"""What `mmrun explain` knows: hooks, names of the kernel, fields; every place it tells exists and is what it says."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from mmrun.model.hooks import HOOKS, TABLE
from mmrun.runner.cli import main
from mmrun.runner.explain import explain, kernel_map, policy_names, reference
from mmrun.runner.explain import hooks as explain_hooks
from mmrun.runner.explain.entry import Entry
from mmrun.runner.explain.fields import keys

ROOT = Path(__file__).resolve().parents[2]
WELL_KNOWN = re.findall(
    r"\w+",
    """
shrink_active_list shrink_inactive_list shrink_folio_list shrink_page_list shrink_lruvec shrink_node shrink_node_memcgs
shrink_zones shrink_slab do_shrink_slab isolate_lru_folios isolate_lru_pages move_folios_to_lru folio_check_references
page_check_references folio_referenced page_referenced try_to_unmap add_to_swap __remove_mapping get_scan_count
balance_pgdat pgdat_balanced kswapd_try_to_sleep prepare_kswapd_sleep wakeup_kswapd kswapd_shrink_node
do_try_to_free_pages try_to_free_mem_cgroup_pages get_page_from_freelist __alloc_pages __alloc_pages_slowpath
__alloc_pages_direct_reclaim should_reclaim_retry rmqueue __free_one_page free_unref_page free_hot_cold_page
zone_watermark_ok setup_per_zone_wmarks node_reclaim zone_reclaim handle_mm_fault do_anonymous_page do_swap_page
do_wp_page filemap_fault filemap_map_pages swapin_readahead swap_cluster_readahead swap_vma_readahead
folio_mark_accessed mark_page_accessed folio_activate folio_add_lru lru_add_drain lru_note_cost inactive_list_is_low
balance_dirty_pages wb_writeback writeback_single_inode wb_workfn domain_dirty_limits wb_position_ratio
end_page_writeback mem_cgroup_iter try_charge_memcg mem_cgroup_handle_over_high oom_badness out_of_memory
select_bad_process exit_mmap reclaim_throttle congestion_wait wait_iff_congested policy_nodemask interleave_nodes
lru_gen_look_around evict_folios try_to_inc_max_seq folio_inc_gen page_cache_ra_order list_lru_add kmem_cache_alloc
workingset_refault workingset_eviction workingset_age_nonresident workingset_activation try_to_free_pages kdamond_fn
zap_pte_range walk_pte_range wb_update_write_bandwidth page_counter_try_charge elv_merge free_frozen_pages
""",
)


def placed(text: str) -> list[tuple[Path, int]]:
    """The places that a text tells as file:line."""
    return [(ROOT / file, int(line)) for file, line in re.findall(r"([\w/]+\.py):(\d+)", text)]


def line_at(place: tuple[Path, int]) -> str:
    return place[0].read_text(encoding="utf-8").splitlines()[place[1] - 1]


@pytest.mark.parametrize("name", WELL_KNOWN)
def test_functions_of_the_kernel_are_found(name: str):
    found = [entry for entry in explain.look_up(name) if placed(str(entry))]
    assert found, "nothing says which file stands for it"
    for place in kernel_map.places(name):
        assert name in line_at((ROOT / place.file, place.line))


def test_every_place_of_the_map_exists_and_names_it():
    """Also where a function is told: it has that name, and the line lies in it."""
    names = kernel_map.names()
    assert len(names) > 1000 and sum(kernel_map.mentioned(places) for places in names.values()) > 350
    for name, places in names.items():
        for place in places:
            assert name in line_at((ROOT / place.file, place.line)), (name, place)
            assert place.owner in (ROOT / place.file).read_text(encoding="utf-8")
            assert not place.defines or re.search(rf"def _*{name}\(", line_at((ROOT / place.file, place.line)))


def test_no_word_of_the_model_passes_for_one_of_the_kernel():
    others = {explain.last_part(name) for name in explain.entries()}
    from mmrun.runner.explain.topics import kernel_names

    found = {name for name, places in kernel_names(others).items() if kernel_map.mentioned(places)}
    assert not found & {"sample_us", "fault_p50_ns", "scan_page", "min_regions", "x86_64", "nr_taken", "model_mm"}


def test_versions_and_sentences_are_told():
    (place,) = [each for each in kernel_map.places("writeback_throttling_sane") if each.owner == "throttling_is_sane"]
    assert place.versions() == ["4.2"] and "dirty what is reclaimed" in place.says
    comments = kernel_map.places("try_to_unmap_flush")
    assert {each.owner: each.versions() for each in comments}["shrink_page_list"] == ["4.3"]
    assert not kernel_map.places("nothing_is_called_so")


def test_a_reader_of_a_made_up_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kernel_map, "ROOT", tmp_path)
    path = tmp_path / "made_up.py"
    path.write_text(
        '"""As do_one_thing, 4.4 of mm/page_io.c; not `our_own`."""\nSOURCE = "add_this/add_that; path/to_file.c"\n'
        "text = '# no_comment'  # a_comment, 2.6.38\n\n# As that_thing.\ndef _helper_of(m, nr_things):\n"
        '    """Says do_one_thing twice.\n\n    And do_other_thing.\n    """\n    return m.do_field\n'
    )
    found = kernel_map._Reader(path)
    found.statements(found.tree.body, "")
    found.comments()
    told = {name: [(p.line, p.owner, p.defines, p.versions()) for p in at] for name, at in found.found.places.items()}
    assert told == {
        "do_one_thing": [(1, "", False, ["4.4"]), (7, "_helper_of", False, [])],
        "add_this": [(2, "SOURCE", False, [])],
        "add_that": [(2, "SOURCE", False, [])],
        "no_comment": [(3, "text", False, [])],
        "a_comment": [(3, "", False, ["2.6.38"])],
        "helper_of": [(6, "_helper_of", True, [])],
        "that_thing": [(5, "_helper_of", False, [])],
        "do_other_thing": [(9, "_helper_of", False, [])],
    }
    assert {"m", "nr_things", "do_field"} <= found.found.identifiers


@cache
def kernels() -> str:
    """The source text of the model."""
    return "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "model").rglob("*.py")))


@pytest.mark.parametrize("name", HOOKS)
def test_hooks_tell_who_defines_and_who_calls_them(name: str):
    (entry,) = [each for each in explain.look_up(name) if "hook" in each.kind]
    assert all(f"  {each}: {explain_hooks.ARGUMENTS[each]}" in entry.text for each in TABLE[name].arguments)
    definitions, callers = explain_hooks.definitions(name), explain_hooks.callers(name)
    actors = {"actor_life", *re.findall(r"@actor\(per=[^)]*\)\ndef (\w+)\(", kernels())}  # the engine calls those
    assert definitions and bool(callers) == (name not in {*actors, "trace_event"}), (
        "or a tracepoint's machine code does"
    )
    for file, line in placed(" ".join(definitions)):
        text = line_at((file, line))
        assert f"def {name}(" in text or "import" in text
    for told in callers:
        function, ((file, line),) = told.partition(",")[0], placed(told)
        assert "(" in line_at((file, line)) and f"def {function}(" in file.read_text(encoding="utf-8")


def test_every_argument_has_a_meaning():
    used = {argument for spec in TABLE.values() for argument in spec.arguments}
    assert used == set(explain_hooks.ARGUMENTS), "say what it is in ARGUMENTS of runner/explain/hooks.py"


def test_every_variant_that_has_a_hook_is_told():
    told = " ".join(explain_hooks.definitions("check_references"))
    assert all(f"lru/{each}," in told for each in ("split", "workingset", "zone-workingset", "cost-balanced", "mglru"))
    assert "the default, model/mm/limits/limits.py" in " ".join(explain_hooks.definitions("limit_reclaim"))
    assert any(
        "_verdict, model/mm/reclaim/shrink_page_list.py" in each for each in explain_hooks.callers("check_references")
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [("tasks.node", "type: whole number default: 0"), ("tasks.node", "read in: model/mm/task/place.py"),
     ("machine.disks.bandwidth", "machine.disks.read_bandwidth: key"), ("costs.scan_page", "machine.costs.scan_page"),
     ("swappiness", "vm.swappiness: key"), ("swappiness", "cgroups.swappiness: key"),
     ("swappiness", "range: 0 to 200 in 6.18"), ("machine.links.mtu", "range: 576 to 65535"),
     ("tasks.count", "range: 1 to"), ("kind", "one of anon, file, slab"), ("machine", "type: text or mapping"),
     ("machine.nodes.memory", "default: none, it is required"), ("zipf.size", "read in: model/workloads/zipf.py"),
     ("cgroups.max", "or a percentage"), ("tasks.memory", "type: list of mappings"),
     ("shrink_active", "hook of the core"), ("_verdict", "function of the model"),
     ("kernel-functions", "balance_pgdat"), ("direct_reclaim", "policy axis"), ("direct_reclaim", "policy hook"),
     ("RECLAIM_PAGE", "from mmrun.policy import RECLAIM_PAGE"), ("frames", "mapcount, memcg, zone, node"),
     ("frames", "made in: model/mm/page/state.py:"), ("turn", "fields: actor, cpu, task"),
     ("idle/damon.min_regions", "in hooks: params(m).min_regions"),
     ("reclaim_throttle", "policy axis"), ("reclaim_throttle", "model/mm/reclaim/throttle.py")],
)  # fmt: skip
def test_fields_and_all_meanings(name: str, words: str, capsys: pytest.CaptureFixture[str]):
    assert main(["explain", name]) == 0
    assert words in " ".join(capsys.readouterr().out.split())


def test_what_reads_a_field_is_true():
    fields = [entry for entry in keys() if entry.field and "machine.devices" not in entry.name]
    read = {entry.name: explain.complete(entry).read for entry in fields}
    assert sum(map(bool, read.values())) > 0.95 * len(read), [name for name, lines in read.items() if not lines]
    for name, lines in read.items():
        for place in placed(" ".join(lines)):
            assert name.rpartition(".")[2] in line_at(place), (name, place)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("shrink_actve_list", "shrink_active_list"), ("chek_references", "check_references"), ("tasks.nod", "tasks.node"),
     ("cost-balancd", "cost-balanced"), ("pgscan_kswap", "pgscan_kswapd")],
)  # fmt: skip
def test_suggestions_are_over_everything(slip: str, meant: str, capsys: pytest.CaptureFixture[str]):
    assert main(["explain", slip]) == 2
    assert f"`{meant}`" in capsys.readouterr().err


def test_entries_print_their_facts():
    entry = Entry("a.b", "key", "Meaning.", type="text", read=("x.py:1", "y.py:2"), field="A.b")
    assert str(entry).splitlines() == ["a.b: key", "  Meaning.", "  type: text", "  read in: x.py:1, y.py:2"]


def test_the_committed_pages_are_what_is_made_now():
    """`mmrun explain --all docs/reference` writes them."""
    made = reference.pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert set(there) == set(made)
    assert [name for name in made if made[name] != there[name]] == []


def test_the_page_for_python_lists_every_stable_name():
    import mmrun.policy

    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert policy_names.filled(page) == page
    assert [name for names in policy_names.groups().values() for name in names] == mmrun.policy.__all__
    assert all(hasattr(mmrun.policy, name) for name in mmrun.policy.__all__)


def test_links_between_pages_lead_somewhere():
    made = reference.pages()
    for name, text in made.items():
        assert max(map(len, text.split("\n\n"))) < 40_000 and text.count("# ") >= 1
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            page, _, heading = target.partition("#")
            assert not page or (ROOT / "docs" / "reference" / page).resolve().exists(), (name, target)
            if heading and (not page or page in made):
                assert f"# {heading}\n" in made[page or name], (name, target)


def test_pages_are_written_and_old_ones_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "old.md").write_text(reference.page("gone"))
    (tmp_path / "mine.md").write_text("# Mine\n")
    assert main(["explain", "--all", str(tmp_path)]) == 0
    assert str(tmp_path / "kernel-map.md") in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {*reference.pages(), "mine.md"}


def test_explaining_imports_no_numba():
    code = (
        "import sys; from mmrun.runner.cli import main; main(['explain', 'check_references']); "
        "main(['explain', 'rmqueue']); "
        "print([name for name in ('numba', 'ray', 'pyarrow', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.splitlines()[-1] == "[]"
