"""Shrinkers under a group's limit come to an end state that a guest came to."""

import pytest

from tests.fidelity.slab import PAGES, QUANTITIES, nearest, recorded, section, simulated


def test_it_ends_as_the_kernel_ended() -> None:
    """Three repeats of the recording ended in two states, with 6 MB of slab or 21 MB after the files were looked up."""
    number, errors = nearest(simulated())
    for name in ("stat.slab_reclaimable", "stat.slabs_scanned", "pressure.slabs_scanned"):
        assert abs(errors[name]) < 0.1, (number, name)
    slabs = sorted(state["stat.slab_reclaimable"] for state in recorded())
    assert slabs[1] > 3 * slabs[0] and slabs[2] < 1.05 * slabs[1]


def test_an_error_is_against_the_nearest_of_the_states() -> None:
    for number, state in enumerate(recorded()):
        found, errors = nearest({**state, "another": 1.0})
        assert found == number and "another" not in errors
        assert set(errors.values()) == {0.0}


@pytest.mark.parametrize("pages", [PAGES[0], PAGES[-1]])
def test_a_page_of_the_limit_does_not_choose_the_state(pages: int) -> None:
    assert simulated(pages)["stat.slab_reclaimable"] == pytest.approx(simulated()["stat.slab_reclaimable"], rel=0.05)


def test_the_table_tells_every_quantity() -> None:
    text = section()
    assert all(doc in text for doc in QUANTITIES.values())
    assert f"{recorded()[0]['stat.slab_reclaimable']:,.0f}" in text
