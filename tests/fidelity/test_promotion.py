"""Hot page selection: the direction of every step of the patch set, and how far the model's ratios are from its."""

import pytest

from tests.fidelity.promotion import PUBLISHED, section, steps


@pytest.mark.slow
def test_each_step_moves_fewer_pages_and_none_is_slower_than_moving_every_page() -> None:
    found = steps()
    rates, moved = zip(*found.values(), strict=True)
    assert list(moved) == sorted(moved, reverse=True)
    assert all(rate > rates[0] for rate in rates[1:])
    assert list(found) == list(PUBLISHED)


@pytest.mark.slow
def test_the_table_has_every_step() -> None:
    text = "\n".join(section())
    assert all(name in text for name in PUBLISHED)
