"""Huge pages: faults, splitting and swapping count what the kernel counted, to the page."""

import pytest

from tests.fidelity.huge import Case, errors, recorded, section


def name_of(case: Case) -> str:
    return f"{case.kernel} {case.what} {case.mib} {case.dropped} {case.enabled} {case.defrag}"


@pytest.mark.parametrize("case", recorded(), ids=name_of)
def test_every_count_is_within_the_repeats(case: Case) -> None:
    assert not any(errors(case).values()), errors(case)


def test_the_table_tells_every_set_up() -> None:
    text = "\n".join(section())
    assert "16,393" in text and "thp_swpout" in text
