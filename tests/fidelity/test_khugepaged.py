"""Every extent and counter of the recordings of khugepaged comes out as recorded."""

import pytest

from tests.fidelity.khugepaged import compared, recorded, section


@pytest.mark.parametrize("case", recorded())
def test_extents_and_counters_are_as_recorded(case):
    alike, count, counters = compared(case)
    assert alike == count == 25
    assert {name: own for name, (_, own) in counters.items()} == {name: value for name, (value, _) in counters.items()}


def test_the_section_says_so():
    assert sum("25 of 25 | 7 of 7 | none" in line for line in section()) == 4
