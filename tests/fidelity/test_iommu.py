"""The recorded guest's IOMMU, through the whole DMA API."""

import pytest

from tests.fidelity.iommu import BLOCK_NS, BLOCKS, DIRECT_IO, RECORDED, addresses, counted, direct_io, section, sizes


def test_the_first_runs_addresses_one_by_one() -> None:
    recorded = [int(address, 16) for address in RECORDED["runs"][0]["addresses"]]
    assert addresses()[: len(recorded)] == recorded


@pytest.mark.parametrize("number", range(len(RECORDED["runs"])))
def test_maps_unmaps_invalidations(number: int) -> None:
    run = RECORDED["runs"][number]
    own = counted(run["n"], run["pages"], run["hold"])
    assert own == {"maps": run["n"], "unmaps": run["n"], "invalidations": run["invalidations"]}


def test_a_virtio_disk_maps_four_times_for_a_block() -> None:
    """Header, data, status, table; a request in 32 has its header across two pages."""
    assert sizes() == DIRECT_IO[0][:2]
    assert all(sum(row[:2]) == 4 * BLOCKS for row in DIRECT_IO)


def test_invalidations_of_direct_io_are_near() -> None:
    """They hang on time, of which an emulated guest says little: within the recorded spread over the times tried."""
    found = [direct_io(ns) for ns in BLOCK_NS]
    assert all(each["maps"] == 4 * BLOCKS for each in found)
    recorded = [row[2] for row in DIRECT_IO]
    assert any(min(recorded) <= each["invalidations"] <= max(recorded) for each in found)


def test_the_table_tells_all() -> None:
    assert "1,024 blocks" in section()
