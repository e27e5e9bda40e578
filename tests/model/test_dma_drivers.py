"""Devices at work: queues of packets, pictures by deadlines, objects of a graphics processor; every law checked."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model.block.settings import Link
from mmrun.model.description import Cell, Machine, Node, Sampling, Stream, Task, Variant
from mmrun.model.dma.device.settings import Camera, Codec, Device, Gpu, Legacy, Nic
from mmrun.model.dma.drivers.place import framed
from mmrun.model.dma.drivers.state import dma_engines, dma_queues
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.registry import resolve
from mmrun.model.units import GBIT_S, MB_S, MS, PAGE, KiB, MiB, S
from tests.model.cells import OWN_CPUS, Run, run

UNIT = {"vtd": Iommu()}


def host(device: Device, mib: int = 64, cpus: int = 4, bandwidth: int = 10 * GBIT_S, **more: Any) -> Machine:
    """A machine with that device in use, a wire and a unit."""
    return Machine(
        nodes=(Node(memory=mib * MiB, cpus=cpus),), devices={"d": device}, use=("d",), iommus=UNIT,
        links={"wire": Link(bandwidth=bandwidth)}, **more,
    )  # fmt: skip


def cell(machine: Machine, kind: str, tasks: int = 1, kernel: str = "6.12", **params: Any) -> Cell:
    """A cell whose tasks run a stream of a kind on the machine's device."""
    task = Task(stream=Stream(kind=kind, params={"device": "d"} | params), count=tasks, stays=True)
    return Cell(kernel=kernel, machine=machine, tasks={"t": task}, policy=OWN_CPUS)


def card(unit: str | None = None, **more: Any) -> Nic:
    return Nic(link="wire", iommu=unit, **more)


STRICT = card("vtd", iommu_mode="strict")


def packets(nic: Nic | None = None, bandwidth: int = 10 * GBIT_S, **params: Any) -> Run:
    made = cell(host(nic or card(), bandwidth=bandwidth), "packets", **{"count": 2000, "ring": 64} | params)
    return run(replace(made, sampling=Sampling(every=5 * MS)))


def free_pages(done: Run) -> int:
    return int(done.metrics["nr_free_pages"])


@pytest.mark.parametrize(("payload", "mtu", "bytes_on_the_wire"), [
    (64, 1500, 102), (40, 1500, 84), (1500, 1500, 1538), (9000, 9000, 9038), (1501, 1500, 1501 + 2 * 38 + 40),
])  # fmt: skip
def test_a_packet_on_the_wire_has_its_frames(payload: int, mtu: int, bytes_on_the_wire: int):
    assert framed(payload, mtu) == bytes_on_the_wire


@pytest.mark.parametrize("way", ["send", "receive"])
def test_a_slow_link_is_full_and_the_core_waits(way: str):
    done = packets(bandwidth=GBIT_S, way=way)
    assert 0.98 < done.metrics["dma_line_share"] <= 1.0
    assert done.metrics["dma_packets"] == 2000 and done.metrics["dma_queue_idle_ns"] > 0
    assert done.metrics["dma_faults"] == 0


def test_both_directions_of_a_link_carry_packets():
    done = packets(bandwidth=GBIT_S, way="both")
    assert 0.95 < done.metrics["dma_line_share"] <= 1.0
    moved = [int(dma_engines(done.m)[way].bytes) for way in (0, 1)]
    assert min(moved) >= 990 * 1538  # the ring's last ones come back when it is closed


def test_a_slow_core_is_busy_and_a_packet_takes_what_driver_and_mapping_take():
    free, strict = (packets(nic, 100 * GBIT_S, way="receive", work=2000) for nic in (card(), STRICT))
    assert free.metrics["dma_packet_ns"] == 2000 and free.metrics["dma_packet_map_ns"] == 0
    assert strict.metrics["dma_line_share"] < free.metrics["dma_line_share"] < 0.1
    parts = ("work", "address", "table", "invalidate", "wait", "copy")
    told = [strict.metrics[f"dma_packet_{part}_ns"] for part in parts]
    assert sum(told) == pytest.approx(strict.metrics["dma_packet_ns"])
    assert strict.metrics["dma_packet_invalidate_ns"] == pytest.approx(2 * 686, rel=0.05)  # header and payload


@pytest.mark.parametrize("mapping", ["per-packet", "per-page", "pool"])
@pytest.mark.parametrize("ring", [64, 65])
@pytest.mark.parametrize("unit", [None, "vtd"])
def test_every_way_of_mapping_gives_back_what_it_took(mapping: str, ring: int, unit: str | None):
    chunk = 64 * KiB if mapping == "pool" else 4 * KiB
    done = packets(card(unit), mapping=mapping, ring=ring, count=300, chunk=chunk)
    assert done.metrics["dma_live"] == done.metrics["dma_faults"] == 0
    if unit is None:  # tables of an IOMMU stay
        assert free_pages(done) == 64 * MiB // PAGE


def test_mappings_of_a_packet_by_how_it_is_mapped():
    """Two pieces a packet; one page for two packets; a pool maps its blocks once."""
    made = {how: packets(mapping=how, count=1024).metrics["dma_map_page"] for how in ("per-packet", "per-page", "pool")}
    assert made["per-packet"] >= 2 * 1024 and made["per-page"] >= 512 and made["pool"] == 32
    assert made["per-page"] < 600


def _frames(device: Device, kind: str, **params: Any) -> Run:
    params = {"frame": 1 * MiB, "buffers": 4, "rate": 100, "first": MS, "runs": 100 * MS} | params
    return run(cell(host(device, cma={"video": CmaArea(size=16 * MiB)}), kind, **params))


def test_a_camera_meets_its_deadlines_if_it_is_fast_enough():
    fast, slow = (_frames(Camera(), "camera", bandwidth=rate * MB_S) for rate in (1000, 100))
    assert fast.metrics["dma_deadlines"] == slow.metrics["dma_deadlines"] == 10
    assert fast.metrics["dma_deadline_missed"] == 0 and slow.metrics["dma_deadline_missed"] == 10
    assert fast.metrics["dma_picture_bytes"] == 10 * MiB


def test_pictures_without_buffers_are_lost():
    done = _frames(Camera(), "camera", frame=32 * MiB)
    assert done.metrics["dma_pictures_lost"] > 0 and done.metrics["dma_deadline_miss_ratio"] > 0


def test_a_codec_reads_its_references():
    done = _frames(Codec(), "codec", references=3)
    engines = dma_engines(done.m)
    assert int(engines[0].bytes) == 3 * int(engines[1].bytes) == 30 * MiB


def test_objects_are_pinned_while_they_are_bound():
    params = {"objects": 16, "object": 64 * KiB, "aperture": 256 * KiB, "count": 200}
    done = run(cell(host(Gpu()), "gpu", **params))
    assert done.metrics["gpu_draws"] == 200
    assert done.metrics["gpu_binds"] == done.metrics["gpu_unbinds"] > 16
    assert done.metrics["nr_foll_pin_acquired"] == done.metrics["gpu_binds"] * 16
    roomy = run(cell(host(Gpu()), "gpu", **params | {"aperture": MiB}))
    assert roomy.metrics["gpu_binds"] <= 16


def test_a_stream_drives_a_device_of_its_kind():
    with pytest.raises(ValueError, match="is a camera"):
        resolve(cell(host(Camera()), "codec", frame=MiB))
    with pytest.raises(ValueError, match="no device"):
        resolve(cell(host(Camera()), "camera", frame=MiB, device="x"))
    with pytest.raises(ValueError, match="behind an IOMMU"):
        made = cell(host(Camera()), "camera", frame=MiB)
        resolve(replace(made, policy={"contiguous": Variant(variant="scatter-gather")}))


def test_an_old_card_moves_what_it_can():
    done = run(cell(host(Legacy(dma_mask_bits=32)), "legacy", count=100))
    assert done.metrics["dma_packets"] == 100
    assert int(dma_queues(done.m)[0].ended) >= 50 * 4 * KiB * S // (4 * MB_S)


SHARED = {"frame": MiB, "buffers": 4, "rate": 100, "first": MS, "runs": 50 * MS}


def _shared(device: Device, variant: str, pictures: int = 4) -> Run:
    """A codec whose pictures are memory that it shares with its driver."""
    made = cell(host(device), "codec", **SHARED | {"buffers": pictures})
    policy = made.policy | {"contiguous": Variant(variant=variant)}
    return run(replace(made, policy=policy, sampling=Sampling(every=10 * MS)))


def test_scattered_pages_serve_a_codec_behind_an_iommu():
    done = _shared(Codec(iommu="vtd"), "scatter-gather")
    assert done.metrics["contig_success_ratio"] == 1.0 and done.metrics["dma_deadline_missed"] == 0
    assert done.metrics["dma_faults"] == 0 and done.metrics["iotlb_misses"] > 0
    assert done.metrics["dma_picture_bytes"] == 5 * 3 * MiB


def test_coherent_memory_is_contiguous_where_nothing_translates():
    done = _shared(Codec(), "coherent")
    assert done.metrics["contig_success_ratio"] == 1.0 and done.metrics["dma_faults"] == 0
    few = _shared(Codec(), "coherent", pictures=64)
    assert few.metrics["dma_pictures_lost"] > 0 and few.metrics["dma_alloc_fail"] > 0


WAYS = st.sampled_from(("send", "receive", "both"))
MODES = ("passthrough", "strict", "lazy", "single-queue", "identity", "shadow-copy")


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=3, deadline=None)
@given(WAYS, st.sampled_from(("per-packet", "per-page", "pool")), st.integers(8, 40), st.integers(64, 2000),
       st.integers(1, 3))  # fmt: skip
def test_queues_hold_every_law_in_every_mode(mode: str, way: str, mapping: str, ring: int, size: int, tasks: int):
    params: dict[str, Any] = {"way": way, "mapping": mapping, "ring": ring, "packet": size, "count": 150}
    params["pieces"] = 1 + (size > 128)
    made = cell(host(card("vtd")), "packets", tasks, **params)
    policy = made.policy | {"iommu": Variant(variant=mode)}
    done = run(replace(made, policy=policy, sampling=Sampling(every=40_000)))
    assert done.metrics["dma_packets"] == 150 * tasks
    assert done.metrics["dma_live"] == done.metrics["dma_faults"] == 0
