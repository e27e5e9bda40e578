"""What can be varied and read: units."""

from typing import Annotated, Literal

from mmrun.model.core.mechanism import Matters
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record


@record
class Iommu(Record):
    """An IOMMU: translates the addresses of the devices that name it."""

    MATTERS = Matters(
        "a machine that uses a device behind the unit",
        lambda case, own: any(
            case.cell.machine.iommus.get(case.cell.machine.devices[name].iommu or "") is own
            for name in case.cell.machine.use
            if name in case.cell.machine.devices
        ),
    )
    kind: Literal["intel", "amd", "smmu", "virtio"] = "intel"
    """What it is."""
    iotlb: Annotated[int, Range(ge=1, le=65_536)] = 64
    """Translations that it holds. Default: what was inferred of Intel's (pcie-bench, SIGCOMM 2018)."""
