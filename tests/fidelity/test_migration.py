"""Calls that move pages do what was recorded, to the page; batches save what they are said to."""

from tests.fidelity.migration import compared, differences, section


def test_every_count_of_every_call_is_the_recorded_one() -> None:
    assert differences() == []


def test_batches_save_interrupts_and_time() -> None:
    """Published: 99 % fewer interrupts, 292 % more pages a second, on a machine whose other CPUs use the pages."""
    few, many = compared(7), compared(20)
    assert few["interrupts"] < -0.99 and many["interrupts"] < -0.99
    assert 1 < few["pages a second"] < many["pages a second"] and 2 < many["pages a second"] < 4


def test_the_section_tells_both() -> None:
    text = "\n".join(section())
    assert "vmsplice" in text and "published" in text
