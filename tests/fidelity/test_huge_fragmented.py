"""On a fragmented machine direct compaction gives every huge page that it gave on the guest."""

import pytest

from tests.fidelity.huge_fragmented import QUANTITIES, Case, recorded, section, simulated


@pytest.mark.parametrize("case", recorded(), ids=str)
def test_huge_pages_and_compactions(case: Case) -> None:
    mine, repeats = simulated(case), recorded()[case]
    assert all(abs(mine["huge"] - row["huge"]) <= 2 for row in repeats)
    assert all(abs(mine["compact_stall"] - row["compact_stall"]) <= 4 for row in repeats)
    assert all(0.7 < mine["compact_migrate_scanned"] / row["compact_migrate_scanned"] < 1.1 for row in repeats)


def test_the_table_tells_every_counter() -> None:
    text = "\n".join(section())
    assert all(name in text for name in QUANTITIES)
