"""What a stalled connection holds, to the byte."""

import pytest

from tests.fidelity.tcp import CASES, COUNTERS, RECEIVER, SENDER, after, nearest, recorded, section, series, simulated

HEAD = 960  # bytes that a buffer's head is charged as
ODD = (4096, 262_144)


@pytest.mark.parametrize("case", CASES)
def test_the_end_state(case):
    """Sender, receiver and counters are those of a repeat; where repeats agree, of all of them."""
    row, model = nearest(case)
    off = HEAD if case == ODD else 0
    for name in (*SENDER, *RECEIVER):
        wrong = {"rmem": -off, "rx_forward": off}.get(name, 0)
        assert model[name] - row[name] == wrong, name
    for name in COUNTERS:  # of the odd case, repeats differ in how often the tail was probed
        assert model[name] in {one[name] for one in recorded()[case]}, name
    for name in (*RECEIVER, "sndbuf"):
        if len({row[name] for row in recorded()[case]}) == 1 and name not in ("rmem", "rx_forward"):
            assert model[name] == recorded()[case][0][name]


def test_a_head_hangs_on_where_the_task_cuts():
    """The recorded queue has a third head: pieces of the task's blocks of 32 KiB fill the second buffer too early.

    Where the first block is cut when the connection begins is not recorded. If the task has sent anything before, the
    model has the head, too, and all else as it is; only from a fresh block everything fits.
    """
    for elsewhere in range(2048, 32_768, 8192):
        found = simulated(ODD, True, elsewhere)
        assert found["rmem"] == recorded()[ODD][0]["rmem"] and found["rx_forward"] == recorded()[ODD][0]["rx_forward"]
        assert found["queued"] == simulated(ODD)["queued"]


@pytest.mark.parametrize("case", CASES)
def test_the_way_there(case):
    """After each of the first calls, until timers have a say, both ends are as recorded."""
    for row in series()[case]:
        if row["step"] in (1, 5, 8, 11, 16, 32) and row["step"] <= (11 if case[1] == 16_384 else 32):
            model = after(case, row["step"])
            for name in ("sent", "rmem", "rx_forward", "tx_forward", "queued"):
                assert model[name] == row[name], (row["step"], name)


@pytest.mark.parametrize("case", CASES[:3])
def test_memory_of_the_protocol(case):
    """sockstat's `mem` moves in steps of 256 pages or more."""
    spread = [row["mem_pages"] for row in recorded()[case]]
    assert min(spread) - 256 <= simulated(case)["mem_pages"] <= max(spread) + 256


def test_the_table_tells_every_case():
    text = section()
    assert all(doc in text for doc in (*SENDER.values(), *RECEIVER.values()) if doc != "wmem_alloc")
    assert f"{recorded()[CASES[0]][0]['queued']:,}" in text
