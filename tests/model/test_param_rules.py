"""Parameters of variants: each has a range and a reason, relations hold, and one house says what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from mmrun.model import registry
from mmrun.model.core import events
from mmrun.model.core.mechanism import MAX_PARAMS
from mmrun.model.description import Stream, Variant
from mmrun.model.mm.page.flags import FRAME_BITS, FRAME_FLAGS, check_flags
from mmrun.model.sources.param_rules import parse_relation
from mmrun.model.workloads import make_params, open_stream
from mmrun.runner.cli import main
from tests.model.cells import machine, one

NUMBERS = [
    (axis, name, key)
    for axis in registry.axes()
    for name, info in registry.variants(axis).items()
    for key, param in info.params.items()
    if not isinstance(param.default, bool)
]
BAD = [  # axis, variant, parameters, the one that is named, words
    ("idle", "damon", {"sample_us": 0}, "sample_us", "sample_us is 0"),
    ("idle", "damon", {"sample_us": -5}, "sample_us", "damon_set_attrs counts 0 as 1"),
    ("idle", "damon", {"sample_us": 200_000}, "sample_us", "`sample_us <= aggr_us` does not hold: sample_us is 200000"),
    ("idle", "damon", {"aggr_us": 1_000}, "aggr_us", "sample_us is 5000 and aggr_us is 1000"),
    ("idle", "damon", {"min_regions": 2}, "min_regions", "damon_set_attrs refuses fewer than 3"),
    ("idle", "damon", {"min_regions": 20, "max_regions": 10}, "max_regions", "`min_regions <= max_regions`"),
    ("idle", "damon", {"wmark_mid": 100}, "wmark_mid", "wmark_low is 200 and wmark_mid is 100 and wmark_high is 500"),
    ("idle", "kstaled", {"scan_ms": 0}, "scan_ms", "scan_ms is 0"),
    ("idle", "idle-bitmap", {"interval_ms": -1}, "interval_ms", "interval_ms is -1"),
    ("proactive", "senpai", {"threshold_ppm": 0}, "threshold_ppm", "divided by it"),
    ("proactive", "senpai", {"ratio_ppm": 1_000_001}, "ratio_ppm", "0 to 1000000"),
    ("reclaim_writeback", "kswapd-only", {"priority": 13}, "priority", "-1 to 12: a scan begins at DEF_PRIORITY, 12"),
    ("idle", "damon", {"by_task": 1}, "by_task", "by_task is true or false, not 1"),
    ("idle", "damon", {"sample_us": True}, "sample_us", "sample_us is a whole number, not True"),
]
ERA = {"reclaim_writeback": "3.2"}
CONFIG = """\
experiment: x
kernel: "{era}"
machine: {{nodes: [{{memory: 64MiB}}]}}
tasks: {{t: {{stream: {{kind: loop, size: 1MiB, accesses: 100}}}}}}
policy:
  {axis}:
    variant: {name}
"""


def test_there_are_numbers_to_look_at():
    assert len(NUMBERS) > 25


@pytest.mark.parametrize(("axis", "name", "key"), NUMBERS)
def test_every_number_has_a_range_and_a_reason(axis: str, name: str, key: str):
    param = registry.variant_info(axis, name).params[key]
    assert param.least is not None and param.most is not None and param.least <= param.default <= param.most
    assert param.why


@pytest.mark.parametrize("era", registry.eras())
def test_what_eras_choose_is_possible(era: str):
    registry.resolve(one(era, machine(16)))


def line_of(text: str, key: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith(f"{key}:"))


@pytest.mark.parametrize(("axis", "name", "params", "key", "words"), BAD)
def test_check_and_resolve_refuse_in_the_same_words(
    axis: str, name: str, params: dict, key: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    era = ERA.get(axis, "6.18")
    given = "".join(f"    {param}: {str(value).lower()}\n" for param, value in params.items())
    text = CONFIG.format(era=era, axis=axis, name=name) + given
    (tmp_path / "x.yaml").write_text(text)
    assert main(["check", str(tmp_path / "x.yaml")]) == 2
    said, *rest = capsys.readouterr().err.splitlines()
    place, message = f"{tmp_path / 'x.yaml'}:{line_of(text, key)}:{7 + len(key)}: ", said.partition(": ")[2]
    assert said.startswith(place) and words in message and len(rest) == 1, said
    cell = replace(one(era, machine(16)), policy={axis: Variant(variant=name, params=params)})
    with pytest.raises(ValueError) as caught:
        registry.resolve(cell)
    assert str(caught.value) == f"{axis}/{name}: {message}"


def test_a_refused_parameter_starts_no_second_complaint(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "x.yaml").write_text(
        CONFIG.format(era="6.18", axis="idle", name="damon") + "    min_regions: 2000000\n    quota_ms: -1\n"
    )
    assert main(["check", str(tmp_path / "x.yaml")]) == 2
    said = capsys.readouterr().err.splitlines()[:-1]
    assert [line.partition(": ")[2].split(" (")[0] for line in said] == ["min_regions is 2000000", "quota_ms is -1"]


def test_explain_shows_ranges_and_relations(capsys: pytest.CaptureFixture[str]):
    assert main(["explain", "idle/damon.min_regions"]) == 0
    said = capsys.readouterr().out
    assert "range: 3 to 1000000 regions: damon_set_attrs refuses fewer than 3" in said
    assert "min_regions <= max_regions: damon_set_attrs refuses" in said
    assert main(["explain", "idle/damon"]) == 0
    assert "[10 regions; 3 to 1000000 regions]" in capsys.readouterr().out


def test_relations_chain_and_compare_with_numbers():
    params = registry.variant_info("idle", "damon").params
    values = {name: param.default for name, param in params.items()}
    assert parse_relation("0 < sample_us <= aggr_us", "", params).refusal(values) is None
    refusal = parse_relation("1 != min_regions > max_regions", "why", params).refusal(values)
    assert refusal is not None and refusal.names == ("min_regions", "max_regions") and refusal.fix == "why"
    for text in ("sample_us", "1 < 2", "sample_us < nothing", "min(sample_us) < 3", "sample_us <", "a in b"):
        with pytest.raises(ValueError):
            parse_relation(text, "", params)


def test_more_parameters_than_the_machine_holds_are_refused(tmp_path: Path):
    params = ", ".join(f"'p{n}': (1, '', 'a', 'b')" for n in range(MAX_PARAMS + 1))
    path = tmp_path / "many.py"
    path.write_text(f'"""Many."""\nSOURCE = "x"\nSCOPE = "node"\nPARAMS = {{{params}}}\n')
    with pytest.raises(
        ValueError, match=rf"many.py:4:\d+: {MAX_PARAMS + 1} parameters: the machine holds {MAX_PARAMS}"
    ):
        registry.variant_info("lru", "many", str(path))


def test_frame_flags_share_no_bit_and_fit_their_field():
    check_flags(FRAME_FLAGS)
    with pytest.raises(ValueError, match="PINNED needs more than the 31 bits of"):
        check_flags({**FRAME_FLAGS, "PINNED": 1 << FRAME_BITS})
    with pytest.raises(ValueError, match="PINNED has bits of another"):
        check_flags({**FRAME_FLAGS, "PINNED": FRAME_FLAGS["SLAB"]})


def test_an_argument_that_no_event_holds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    import numpy as np

    most = events.ARG_MASK
    assert events.compute(most)[0] & events.ARG_MASK == most
    with pytest.raises(ValueError, match="40 bits"):
        events.compute(most + 1)
    with pytest.raises(ValueError, match="mount_hold is 1099511627776ns"):
        make_params("metadata", {"objects": 1, "accesses": 1, "mount_hold": most + 1})
    huge = Stream(kind="loop", params={"size": (most + 1) << 12, "accesses": 1})
    with pytest.raises(ValueError, match=r"size is 4PiB \(1B to 2TiB\)"):
        open_stream(huge, np.random.default_rng())
    (tmp_path / "x.yaml").write_text(CONFIG.format(era="6.18", axis="idle", name="none").replace("1MiB", "5PiB"))
    assert main(["check", str(tmp_path / "x.yaml")]) == 2
    assert "2TiB" in capsys.readouterr().err
