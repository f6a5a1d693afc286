// What the driver of a GPU decides, a plain sentence and a reason for each. Kernel words stand between backticks.

import type { GpuDecisionId, SmiDecisionId } from '../../../core/uapi/events.ts';
import type { Told } from '../captions/told.ts';
import { cap, count, errno, num, page, pageAndPfn, pages, type Params, txt } from '../phrases.ts';

const gpu = (p: Params): string => `GPU ${txt(p, 'device')}`;
const size = (p: Params): string => txt(p, 'size');

export const gpuDecisions: Readonly<Record<Exclude<GpuDecisionId, SmiDecisionId>, Told>> = {
  'longterm.policy-off': {
    what: (p) => `Hypothetical: ${pageAndPfn(p)} stays in VRAM and is pinned there for long.`,
    why: 'No kernel did this. It shows what the series prevents: the driver can no longer take this memory back.',
  },
  'boot.efi-map': {
    what: (p) =>
      `The firmware lists ${count(num(p, 'count'), 'range')} of memory; ${num(p, 'of')} of them, ${size(p)}, have the attribute \`EFI_MEMORY_SP\`.`,
    why: 'Specific purpose: the memory is real and can be cached, but it is meant for a device.',
  },
  'boot.e820': {
    what: (p) =>
      num(p, 'npages') > 0
        ? `${size(p)} become \`E820_TYPE_SOFT_RESERVED\`, the rest RAM.`
        : 'All of it becomes RAM: the attribute is not looked at.',
    why: 'With `efi=nosoftreserve`, or without `CONFIG_EFI_SOFT_RESERVE`, memory meant for a device is ordinary memory.',
  },
  'boot.memblock': {
    what: (p) =>
      `${count(num(p, 'count'), 'range')} of the map; ${size(p)} are reserved and not added as memory.`,
    why: 'What is not added gets no `struct page` now, and the page allocator will never hear of it.',
  },
  'boot.free-memory': {
    what: (p) => `The page allocator gets ${size(p)}.`,
    why: '`MemTotal` counts this. Device memory is not in it.',
  },
  'pgmap.memmap': {
    what: (p) => `${size(p)} of system memory are taken for \`struct page\`s.`,
    why: '64 bytes for each page of 4 KiB: 1 GiB for 64 GiB. They lie in system memory, not in VRAM.',
  },
  'pgmap.direct-map': {
    what: (p) => `${size(p)} get into the direct map: the kernel can read and write them.`,
    why: 'That is how the CPU can copy a page when a long-term pin brings it home. Private memory has no direct map.',
  },
  'pgmap.zone-span': {
    what: (p) => `\`ZONE_DEVICE\` of node ${txt(p, 'node')} spans ${size(p)} more.`,
    why: 'It spans frames and has none present, so it is in no zonelist: nothing can be allocated from it.',
  },
  'pgmap.wait-for-pages': {
    what: (p) =>
      `The driver wants to go, but ${pages(p)} of its memory ${num(p, 'count') === 1 ? 'is' : 'are'} in use. It waits.`,
    why: 'Each page in use holds a reference on the registration. Only when the last one is free may the `struct page`s go.',
  },
  'svm.range-created': {
    what: (p) => `A range of shared virtual memory begins at ${page(p)}: ${size(p)}.`,
    why: 'The driver keeps attributes, a place and a notifier for each range. A new one is at most as large as 1/32 of the smallest VRAM, a limit that is never below 2 MiB or above 1 GiB.',
  },
  'svm.range-split': {
    what: (p) => `A range is cut; the new part begins at ${page(p)}: ${size(p)}.`,
    why: 'Only part of it changes. Both parts share the buffer object in VRAM, if there is one.',
  },
  'svm.range-removed': {
    what: (p) => `The range at ${page(p)} is gone.`,
    why: 'Its addresses were unmapped, or other ranges took its place.',
  },
  'svm.prefetch': {
    what: (p) => `The range at ${page(p)} goes to ${txt(p, 'where')}.`,
    why: 'A prefetch is done at once, for the whole range. Of several ranges of one call the last comes first.',
  },
  'svm.best-location': {
    what: (p) => `The best place for the range at ${page(p)} is ${txt(p, 'where')}.`,
    why: 'The preferred place if this GPU can reach it, else the GPU itself, else where the range is. If it counts as being there already, nothing moves, even if pins have brought pages home.',
  },
  'svm.heap-or-stack': {
    what: (p) => `The new range at ${page(p)} is heap or stack: it prefers system memory.`,
    why: 'The processor uses such memory all the time, so a fault of the GPU maps it where it is.',
  },
  'svm.already-there': {
    what: (p) => `The range at ${page(p)} already counts as being in ${txt(p, 'where')}. Nothing moves.`,
    why: 'The place belongs to the range, not to its pages: a page that left by itself is not brought back.',
  },
  'svm.vram-exhausted': {
    what: (p) => `${gpu(p)} has no VRAM for the range.`,
    why: 'A prefetch fails with it. A fault of the GPU goes on with the range in system memory.',
  },
  'svm.fall-back': {
    what: (p) => `The range at ${page(p)} cannot move (${errno(p)}). The GPU will use it in system memory.`,
    why: 'Slower, but it works: the fault is served all the same.',
  },
  'svm.pages-left': {
    what: (p) => `${cap(pages(p))} of ${gpu(p)} ${num(p, 'count') === 1 ? 'was' : 'were'} left behind.`,
    why: 'Somebody else holds a reference, so the count was not what migration expects.',
  },
  'svm.vram-in-use': {
    what: (p) =>
      `Hypothetical: ${pages(p)} of the buffer object ${num(p, 'count') === 1 ? 'is' : 'are'} still in use. The fence stays unsignalled.`,
    why: 'In this reading VRAM that somebody uses is not given away, so the eviction cannot end.',
  },
  'svm.mapped': {
    what: (p) => `${gpu(p)} gets entries from ${page(p)} on: ${size(p)}.`,
    why: 'No page is pinned for it. When the CPU changes an entry, the notifier comes first.',
  },
  'svm.unmapped': {
    what: (p) => `${gpu(p)} loses its entries from ${page(p)} on: ${size(p)}. Its TLB is flushed.`,
    why: 'With XNACK the next access of the GPU faults and gets new entries.',
  },
  'svm.queues-stopped': {
    what: 'All queues of the process stop.',
    why: 'Without XNACK a GPU cannot wait for a fault. So nothing may run while entries are not true.',
  },
  'svm.queues-resumed': {
    what: 'All ranges are mapped again. The queues run.',
    why: 'A kernel thread did it a millisecond after the queues had stopped.',
  },
  'ttm.moved-to-vram': {
    what: (p) => `A buffer object is back in the VRAM of ${gpu(p)}: ${size(p)}.`,
    why: 'The DMA engine copied it from system memory, which is free again.',
  },
  'kfd.process-evicted': {
    what: 'All queues of the process stop, and its fence is signalled.',
    why: 'A compute object of it is to leave VRAM, and its programs need all of them. In 100 ms a kernel thread brings them back.',
  },
  'kfd.process-restored': {
    what: 'All compute objects are back in VRAM. The queues of the process run.',
    why: 'A kernel thread did it 100 ms after the process was evicted; what was in the way had to leave.',
  },
  'kfd.restore-failed': {
    what: (p) => `The compute objects do not fit in VRAM (${errno(p)}). They are tried again in 100 ms.`,
    why: 'A process runs only when all its compute objects are in place.',
  },
  'kfd.refused-vram': {
    what: (p) => `${size(p)} more than all compute objects of ${gpu(p)} may have together: \`-ENOMEM\`.`,
    why: 'Compute objects cannot lie elsewhere while their processes run, so that the driver promises no more VRAM than there is. Ranges do not count. Ask for less, or free another one first.',
  },
  'kfd.refused-system': {
    what: (p) => `A user pointer of ${size(p)} would exceed the limit of system memory: \`-ENOMEM\`.`,
    why: 'User pointers and ranges without XNACK may have 15/16 of the memory together. Hand over less, or free another one first.',
  },
  'svm.refused-gpu': {
    what: 'An attribute names a GPU that cannot have ranges: `-EINVAL`.',
    why: 'The machine does not have it, or its memory could not be registered. Nothing was changed. Name another GPU.',
  },
  'svm.refused-hole': {
    what: (p) => `No memory area at ${page(p)}: \`-EFAULT\`.`,
    why: 'A range lies in areas that the process has mapped, without a gap. Nothing was changed. Map it first, or name fewer pages.',
  },
  'svm.refused-device-area': {
    what: (p) => `The area at ${page(p)} is the memory of a device: \`-EFAULT\`.`,
    why: 'Its frames are no pages that could move. Nothing was changed. Use memory of the process’s own.',
  },
  'svm.refused-in-use': {
    what: (p) => `A user pointer is at ${page(p)} already: ${size(p)}, \`-EADDRINUSE\`.`,
    why: 'Memory that a process handed to a GPU as a buffer object cannot be a range as well. Free that object first.',
  },
  'svm.refused-limit': {
    what: (p) => `A range at ${page(p)} would exceed the limit of system memory: ${size(p)}, \`-ENOMEM\`.`,
    why: 'Without XNACK all ranges must fit in system memory together, since nobody could repair a fault. Register less, or turn XNACK on.',
  },
  'svm.refused-question': {
    what: 'ACCESS_IN_PLACE and NO_ACCESS cannot be asked for: `-EINVAL`.',
    why: 'One asks for ACCESS of a GPU, and the driver puts the kind of access that it has in its place. Ask for ACCESS.',
  },
  'svm.fence-under-mutex': {
    what: 'A fault of Linux 6.1: two threads wait for each other, and nobody wakes them.',
    why: '`svm_range_validate_svm_bo` waits for the fence of a buffer object that is being evicted, without a limit, and holds the `migrate_mutex` of the range. The thread that evicts, and would signal the fence, waits for that mutex.',
  },
  'svm.page-left-behind': {
    what: 'A fault of Linux 6.1: an access faults, is told that all is well, and faults again, for ever.',
    why: 'Two accesses held the page while its range came home, so it stayed in private VRAM, and nobody counted it. The range says system memory, so `svm_migrate_to_ram` has nothing to do.',
  },
  'svm.page-in-use': {
    what: 'A fault of Linux 6.1: a page of VRAM that is in use would be handed out a second time.',
    why: 'The range gets its old buffer object back, since somebody’s page keeps it alive. `svm_migrate_get_vram_page` takes the page at its place without a look, and `zone_device_page_init` would set its reference count to 1.',
  },
  'svm.bo-freed': {
    what: 'A fault of Linux 6.1: the driver reads a buffer object that was freed.',
    why: 'The eviction took the range off the list of its object, and could not bring it home: the range kept the pointer. When its pages left, the object was freed, and nobody told the range. `svm_range_validate_svm_bo` asks the freed object whether it still lives.',
  },
  'svm.bo-null': {
    what: 'A fault of Linux 6.1: the driver follows a null pointer.',
    why: 'A page of VRAM is mapped in a range that has no buffer object: it was left behind by an eviction, or the process has it from its parent. `svm_range_dma_map_dev` asks `prange->svm_bo` for the GPU without a look.',
  },
  'svm.own-fault-skipped': {
    what: 'A fault of Linux 6.1: the driver asks for a page, is told that all is well, and asks again, for ever.',
    why: 'GPUs of several hives are to map the range, so nobody owns its pages of private VRAM for all of them, and `hmm_range_fault` faults for each. `svm_migrate_to_ram` moves nothing for the thread that maps the range itself.',
  },
  'svm.default-attributes': {
    what: (p) => `No range is at ${page(p)}: the driver answers with what a new one would have.`,
    why: 'Asking registers nothing. Whether a GPU has access by default depends on XNACK.',
  },
  'svm.restore-again': {
    what: (p) => `The ranges could not all be mapped (${errno(p)}). The kernel thread tries again.`,
    why: 'Something changed meanwhile, or a page cannot be had. Until it succeeds the queues stand still.',
  },
  'gpu.fault': {
    what: (p) => `${gpu(p)} has no fit entry for ${page(p)} and faults.`,
    why: 'The wave waits; with XNACK it will try again.',
  },
  'gpu.fault-dropped': {
    what: (p) => `A fault of ${gpu(p)} on ${page(p)} is dropped: its range was repaired just now.`,
    why: 'Many lanes fault on one range at once. What comes within 2 ms is taken for the same.',
  },
  'gpu.fatal-fault': {
    what: (p) => `Nobody can serve the fault of ${gpu(p)} on ${page(p)}. Its queue dies.`,
    why: 'No area is there, or it does not permit the access, or XNACK is off.',
  },
  'gpu.read': {
    what: (p) => `${gpu(p)} has read ${size(p)} from ${page(p)} on.`,
    why: 'Where its table had entries, no kernel code ran.',
  },
  'gpu.wrote': {
    what: (p) => `${gpu(p)} has written ${size(p)} from ${page(p)} on.`,
    why: 'Where its table had writable entries, no kernel code ran.',
  },
  'gpu.wrote-shared': {
    what: (p) => `${gpu(p)} has written ${size(p)} that another process has, too, and now reads.`,
    why: 'The CPU would have copied what fork left shared. But `hmm_range_fault` reports private memory of the driver’s own as it is, even if writable pages were asked for, and v6.1 maps it writable.',
  },
  'ttm.allocated': {
    what: (p) => `A buffer object of ${size(p)} gets VRAM of ${gpu(p)}.`,
    why: 'TTM gives whole blocks. It does not know which pages of processes will be in them.',
  },
  'ttm.no-space': {
    what: (p) => `${gpu(p)} has no free block for ${size(p)}.`,
    why: 'Somebody has to go: TTM looks through its list, the least recently used object first.',
  },
  'ttm.victim': {
    what: (p) => `A buffer object of ${size(p)} is to leave ${gpu(p)}.`,
    why: 'The first in the list that is not pinned by TTM, not busy, and that the driver says may go.',
  },
  'ttm.skipped-pinned': {
    what: (p) => `A buffer object of ${size(p)} is passed over: TTM has pinned it.`,
    why: 'TTM’s pin, as for scanout, has nothing to do with pins of pages.',
  },
  'ttm.waits-for-fence': {
    what: (p) => `TTM waits for the fence of the object, ${size(p)}: up to 15 s.`,
    why: 'Waiting tells the driver to make room: its fence wakes a kernel thread that brings the pages home.',
  },
  'ttm.fence-signaled': {
    what: 'The fence is signalled: the memory may be taken.',
    why: 'The kernel does it whether or not all pages have left.',
  },
  'ttm.timed-out': {
    what: 'After 15 s TTM gives up.',
    why: 'The fence was not signalled, so the object keeps its VRAM.',
  },
  'ttm.gutted': {
    what: (p) => `The object gives ${size(p)} of VRAM up; its bytes are thrown away.`,
    why: 'An object of a range is discardable: its pages are home already.',
  },
  'ttm.moved-to-tt': {
    what: (p) => `The object moves to system memory: ${size(p)}.`,
    why: 'Its bytes are needed, so the DMA engine copies them.',
  },
  'ttm.spilled': {
    what: (p) => `The object gets ${size(p)} of system memory instead of VRAM.`,
    why: 'An object of graphics may lie there; it is only slower.',
  },
  'ttm.over-limit': {
    what: (p) => `TTM is to give ${size(p)} of system memory, and would have more than half of it.`,
    why: 'The object that came there first gives its pages up. If none can, TTM goes beyond its limit.',
  },
  'ttm.swapped-out': {
    what: (p) => `An object’s ${size(p)} go to a file of shared memory.`,
    why: 'There reclaim can find them, and the swap device can take them, if there is one.',
  },
  'ttm.swapped-in': {
    what: (p) => `An object’s ${size(p)} come back from the file of shared memory.`,
    why: 'The GPU needs them where it can reach them.',
  },
  'ttm.freed': {
    what: (p) => `A buffer object of ${size(p)} is gone.`,
    why: 'Its last reference was dropped.',
  },
  'ttm.aliased': {
    what: (p) => `Hypothetical: VRAM that is still ${pageAndPfn(p)} now belongs to somebody else, too.`,
    why: 'Two owners write to one place: the one through its page table or its DMA, the other through its buffer object.',
  },
};
