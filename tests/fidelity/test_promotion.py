"""Hot page selection: the direction of every step of the patch set, and how far the model's ratios are from its."""

from tests.fidelity.promotion import PUBLISHED, section, steps


def test_hot_pages_alone_are_fewer_and_moving_them_pays() -> None:
    """As published; how much the limit saves hangs on how much of a task's time moving takes (docs/tiering.md)."""
    found = steps()
    assert list(found) == list(PUBLISHED)
    (base, every), (latency, hot), (limited, fewer), (adjusted, fewest) = found.values()
    assert base < latency < limited < adjusted
    assert hot < 0.9 * every and max(fewer, fewest) < 0.4 * every


def test_the_table_has_every_step() -> None:
    text = "\n".join(section())
    assert all(name in text for name in PUBLISHED)
