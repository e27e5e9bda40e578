"""DMA devices of a machine, by the number under which `machine.use` names them."""

from mmrun.model.core.record import row, table

DIRECT, IOMMU, ARM = 0, 1, 2  # DMA_DEVICE.ops: whose addresses it is given
BIDIRECTIONAL, TO_DEVICE, FROM_DEVICE, NO_DIRECTION = range(4)  # enum dma_data_direction
DMA_ERROR = -1  # no address: DMA_MAPPING_ERROR
# A device. `mask`, `coherent_mask`: the highest address that it can drive, of mappings, of coherent memory; `node`: it
# sits on; `unit`: its IOMMU, `domain`: its translations, each by number or NONE; `need32`: tries addresses below 4 GiB
# first; `boundary`: a segment may not cross a multiple of it - 1; `max_segment`: bytes of one; `min_align`: low bits of
# an address that bouncing must keep; `coherent`: its accesses are seen by CPU caches; `untrusted`: always translated,
# unmaps at once; `need_sync`: it has bounced; `faults`: accesses where nothing was mapped; `bytes`: it has moved;
# `live`, `live_bytes`: mapped for it, in one piece each; `mapped`, `failed`: mappings it was given, those that were not
# to be had; `translation`: ns that its accesses waited for translations and far memory; `translated`: its
# addresses are those of its domain, not of memory.
DMA_DEVICE = row(
    kind="i8", ops="i8", mask="i8", coherent_mask="i8", node="i8", unit="i8", domain="i8", need32="i8", boundary="i8",
    max_segment="i8", min_align="i8", coherent="i8", untrusted="i8", need_sync="i8", faults="i8", bytes="i8",
    live="i8", live_bytes="i8", mapped="i8", failed="i8", translation="i8", translated="i8",
)  # fmt: skip

dma_devices = table(380, "dma_devices", DMA_DEVICE)
dma_device_of_task = table(381, "dma_device_of_task", "i4")  # by task: the device that its stream names, or NONE
