"""What is told of IOMMUs: pages of tables, what is mapped, how much was within reach that should not have been."""

from mmrun.model.core.record import NONE
from mmrun.model.dma.iommu.settings import EXPOSURE, GAUGES
from mmrun.model.dma.iommu.state import iommu_count, iommu_domains, iommu_state
from mmrun.model.machine.built import Built


def sampled(built: Built) -> dict[str, int]:
    """Pages and bytes at present."""
    domains = built.memory.table("iommu_domains")
    if not len(domains):
        return {}
    tables = built.memory.table("iommu_tables")[: int(iommu_state(built.memory.m).used)]
    shadows = built.memory.table("shadows")[: int(iommu_state(built.memory.m).shadows)]
    owned = (tables["domain"] != NONE) & (tables["frame"] != NONE)
    told = (int(owned.sum()), int(domains["pages"].sum()), int((domains["pending"] + domains["kept"]).sum()),
            int((1 << shadows["order"]).sum()))  # fmt: skip
    return dict(zip(GAUGES, told, strict=True))


def metrics(built: Built) -> dict[str, int | float]:
    """Bytes times time, and what is still exposed up to now."""
    m = built.memory.m
    domains = iommu_domains(m)
    if not len(domains):
        return {}
    ns = int(m.now) - domains["settled"]
    exposed = int((domains["exposure"] + (domains["pending"] + domains["kept"]) * ns).sum())
    beside = int((domains["subpage"] + domains["beside"] * ns).sum())
    unmapped = int(iommu_count(m).dma_unmapped_bytes)
    told = (exposed, exposed / unmapped if unmapped else 0, beside)
    return dict(zip(EXPOSURE, told, strict=True))
