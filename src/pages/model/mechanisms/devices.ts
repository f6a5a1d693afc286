// What is modelled: device memory and its drivers.

import type { Mechanism } from './mechanism.ts';

export const DEVICES: readonly Mechanism[] = [
  {
    family: 'device',
    title: 'Registration and life of device pages',
    kernel: 'mm/memremap.c: memremap_pages, zone_device_page_init, free_zone_device_page, memunmap_pages',
    state: 'simplified',
    how: 'The checks of each type, counts at rest, references on the pgmap, and the way back to the driver. `memunmap_pages` stops the run where the kernel would wait for ever.',
    recordings: ['coherent-exhaustion', 'coherent-exit', 'private-exit'],
    selftests: ['migrate_release'],
    tests: ['core/kernel/drivers/memory-types.test.ts'],
    scene: 'device-full',
    patches: [2, 3],
  },
  {
    family: 'device',
    title: 'The five memory types',
    kernel: 'include/linux/memremap.h: enum memory_type; drivers/dax, drivers/nvdimm, drivers/pci/p2pdma.c',
    state: 'simplified',
    how: 'PRIVATE, COHERENT, GENERIC, FS_DAX and PCI_P2PDMA on the same code paths. A page of this app compares them.',
    simplified: {
      'mm/dax.ts: daxFault': 'Small entries only; the file system has no holes and takes no locks.',
      'mm/memory-failure.ts: memoryFailureDevPagemap':
        'No driver has a `memory_failure` hook; the processes are named, not killed.',
    },
    tests: ['core/kernel/drivers/memory-types.test.ts', 'scenarios/memory-types.test.ts'],
    scene: 'type-fs-dax',
  },
  {
    family: 'device',
    title: 'The driver test_hmm',
    kernel:
      'lib/test_hmm.c: dmirror_migrate_to_device, dmirror_migrate_to_system, dmirror_exclusive, dmirror_snapshot',
    state: 'simplified',
    how: 'All ioctls with both device types, backing pages, snapshots, exclusive access, mmap of the device, eviction and release.',
    simplified: {
      'drivers/test-hmm-mirror.ts: dmirrorRangeSnapshot': 'No limit of one second.',
      'mm/migrate-device.ts: migrateDeviceRange':
        'Pages that do not take part have no word; the kernel’s phases pass over theirs.',
      'drivers/test-hmm.ts: dmirrorDeviceRemoveChunks':
        'The counters of allocated and freed pages begin at 0 again; nothing in the driver reads them.',
    },
    recordings: [
      'coherent-dev-access',
      'coherent-two-devices',
      'private-two-devices',
      'coherent-remote-access',
    ],
    selftests: ['open_close', 'anon_read', 'anon_write', 'snapshot', 'double_map', 'mixedmap'],
    tests: ['core/kernel/drivers/test-hmm.test.ts', 'core/scenario/patches.test.ts'],
    scene: 'patch-10',
    patches: [8, 9, 10],
  },
  {
    family: 'device',
    title: 'From firmware to usable VRAM',
    kernel:
      'arch/x86/kernel/e820.c; mm/memremap.c: memremap_pages; drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_init',
    state: 'simplified',
    how: 'The memory map of UEFI, soft reservation, the lines of /proc/iomem, registration with every check, struct pages in real memory, teardown that waits. Coherent over the real aperture with a link to the CPU, private over an invented range without.',
    simplified: {
      'mm/memremap.ts: pagemapRange':
        'A refused range leaves nothing behind. Where another registered range lies between its ends, the kernel forgets that one, and keeps the struct pages made before it came to it.',
      'mm/memremap.ts: vmemmapPopulate': 'Blocks of struct pages are marked on their first page only.',
      'mm/e820.ts: efiMemoryMap':
        'What firmware keeps for itself, and holes for devices, are not listed. Types have names, not numbers (0xefffffff is soft reserved).',
      'mm/e820.ts: iomemResources':
        'No lines for devices that are no memory, nor for the kernel’s own image.',
      'drivers/amdgpu-device.ts: svmMigrateInit':
        'Private memory is VRAM in whole pieces of 2 MiB, not rounded up to a section.',
    },
    tests: ['conformance/gpu-boot.test.ts', 'scenarios/patches.test.ts'],
    scene: 'patch-7',
    patches: [7],
  },
  {
    family: 'device',
    title: 'amdgpu: shared virtual memory',
    kernel: 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c, kfd_migrate.c, kfd_smi_events.c',
    state: 'simplified',
    how: 'Ranges and attributes, set and asked for, prefetch, faults with XNACK on, mapping and quiescing without, migration both ways and through system memory, invalidation, the GPU’s page tables, and what profilers are told of all that, with its triggers. Six faults of v6.1’s own code stay in; a step that meets one is taken back, with its name, or is the last one of a scene in which one can look (`defect-deadlock`, `defect-livelock`, `defect-page-twice`, `defect-bo-freed`, `defect-bo-null`, `defect-two-hives`). A seventh does its harm in silence: after fork a GPU writes into private pages that the child has, too (`defect-fork-private`).',
    simplified: {
      'drivers/amdgpu-fault.ts: svmRangeCreateUnregisteredRange':
        'Of buffer objects only user pointers are mapped by address.',
      'drivers/amdgpu-process.ts: kfdForgetGpu':
        'When a GPU goes, processes that live on forget it; v6.1 leaves its number in their ranges.',
      'drivers/amdgpu-map.ts: svmRangeValidateAndMap':
        'The GPUs’ page tables take no VRAM; a walk that must begin again does so without time-out.',
      'drivers/amdgpu-migrate.ts: svmMigrateCopyMemoryGart': 'Bytes arrive when the copy is submitted.',
      'drivers/amdgpu-migrate.ts: svmMigrateCopyToVram':
        'A hole is zero in an old buffer object, too. v6.1 clears one only when it is made: in one that a range got back (`svm_range_validate_svm_bo`) a hole shows the bytes that its place held before, which a process should never see.',
      'drivers/amdgpu-range.ts: svmRangeClone':
        'A range without a reference of its own passes none on; the kernel takes one that nobody drops.',
      'sched/locks.ts: outwaitFruitlessFault':
        'A task whose fault changes nothing waits for what it rests on; the kernel’s runs in a circle until that changes.',
      'drivers/amdgpu-svm.ts: svmRangeSwitchXnack': 'Allowed also while the process has queues.',
    },
    tests: [
      'conformance/gpu-svm-ranges.test.ts',
      'conformance/gpu-svm-ask.test.ts',
      'conformance/gpu-svm-moving.test.ts',
      'conformance/gpu-svm-faults.test.ts',
      'conformance/gpu-smi-events.test.ts',
      'conformance/gpu-defects.test.ts',
      'conformance/gpu-soup.test.ts',
    ],
  },
  {
    family: 'device',
    title: 'TTM and eviction',
    kernel: 'drivers/gpu/drm/ttm/ttm_bo.c, ttm_resource.c; drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c',
    state: 'simplified',
    how: 'Buffer objects and their LRU, eviction fences, a second client that needs VRAM, and two worlds that never shipped in which long-term pins stay in VRAM.',
    simplified: {
      'drivers/amdgpu-kfd-evict.ts: restoreProcessBos':
        'Objects are reserved one after the other, not all before the first is moved.',
      'drivers/amdgpu-kfd-evict.ts: scheduleEvictAndRestoreProcess':
        'A process that was restored just now is evicted at once, not after PROCESS_ACTIVE_TIME_MS.',
      'drivers/amdgpu-userptr.ts: initUserPages':
        'Memory of a user pointer is mapped at its own address at once.',
      'drivers/amdgpu-client.ts: amdgpuCsBoValidate':
        'Only an object that was swapped out moves, and only to system memory, as when the allowance for moves is used up.',
      'drivers/ttm.ts: ttmMemEvictFirst': 'An object that all others have reserved is not waited for.',
      'drivers/ttm.ts: ttmBoMemSpace':
        'For a second attempt the object is not made anew; TTM_PL_TT has no limit of its own: amdgpu’s is half of the system memory and 3 GiB at least (amdgpu_ttm_init), where TTM’s own limit for all devices together takes effect as well.',
      'drivers/ttm-swap.ts: ttmGlobalSwapout':
        'Devices give in their order, not the one that gave something last at the end.',
      'drivers/ttm-tt.ts: ttmPoolAlloc':
        'System memory is taken page by page, and none is kept for the next object.',
    },
    tests: [
      'conformance/gpu-ttm.test.ts',
      'conformance/gpu-longterm-policy.test.ts',
      'conformance/gpu-system-memory.test.ts',
    ],
  },
  {
    family: 'device',
    title: 'hmm_range_fault and interval notifiers',
    kernel: 'mm/hmm.c: hmm_range_fault; mm/mmu_notifier.c: mmu_interval_read_begin, mmu_interval_read_retry',
    state: 'simplified',
    how: 'All flags, by page and by range; sequence numbers, retries, invalidations with their owner; the device’s table as state.',
    simplified: {
      'mm/mmu-notifier.ts: mmuIntervalNotifierInsert':
        'An insertion during an invalidation takes effect at once, not at its end.',
    },
    recordings: ['private-remote-read', 'coherent-dev-access', 'coherent-unpopulated'],
    selftests: ['anon_read_prot', 'anon_write_prot', 'anon_read_multiple', 'compound'],
    tests: ['core/kernel/mm/hmm.test.ts'],
  },
  {
    family: 'device',
    title: 'Exclusive access',
    kernel: 'mm/rmap.c: make_device_exclusive_range; mm/memory.c: remove_device_exclusive_entry',
    state: 'simplified',
    how: 'Device-exclusive entries, how the CPU takes them back, fork and mprotect over them.',
    simplified: {
      'mm/rmap.ts: pageVmaMappedEntries':
        'Looking for migration entries the kernel takes device-exclusive ones too and loses their reference; only a device that gives its memory up gets there.',
      'mm/rmap.ts: tryToMigrateOne':
        'Device-exclusive entries are left alone; the kernel takes a wrong page from them, with a huge page that is mapped page by page.',
    },
    recordings: ['coherent-exclusive', 'private-exclusive'],
    selftests: ['exclusive', 'exclusive_mprotect', 'exclusive_cow'],
    tests: ['core/kernel/drivers/test-hmm.test.ts'],
  },
  {
    family: 'device',
    title: 'The kernel’s own tests',
    kernel: 'tools/testing/selftests/vm/hmm-tests.c, test_hmm.sh',
    state: 'exact',
    how: 'All 29 tests with private and coherent devices, assertion by assertion. Without patches 11 to 14 the runs, or the variants, that they brought are absent.',
    selftests: ['hmm_gup_test', 'hmm_cow_in_device'],
    tests: ['conformance/selftests.test.ts', 'core/scenario/selftests.test.ts'],
    patches: [11, 12, 13, 14],
  },
  {
    family: 'device',
    title: 'The rest of the GPU driver',
    kernel: 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_get_pte_flags; amdgpu_gtt_mgr.c',
    state: 'absent',
    how: 'What nobody would see move: the memory types in the GPU’s entries (CC, RW, UC, NC), compute objects that lie in system memory from the first (of which KFD may have 3/8 of the free RAM), the limit of each device’s GTT, VRAM for the GPU’s own page tables, signals that end a wait for VRAM, the 30 seconds for which TTM waits for an object that was freed, devices that never knew XNACK, whether the driver maps the aperture for itself write-back or write-combined, and the CPU on whose node it loads (each device says its node).',
  },
  {
    family: 'device',
    title: 'Other takers of soft-reserved memory',
    kernel: 'drivers/dax/hmem/device.c: hmem_register_device; arch/x86/platform/efi: efi_fake_mem',
    state: 'absent',
    how: 'device-dax may claim the same range before the GPU’s driver does, and then makes it a node of ordinary memory; `efi_fake_mem` turns a piece of RAM into such a range. Here the driver is alone.',
  },
];
