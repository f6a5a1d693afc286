// What is modelled of Linux, mechanism by mechanism, and what checks it: the source of the page "What is modelled".
// A test holds it against the sources: each `Simplified:` of src/core stands here at its function, each recording,
// selftest, test file and scene exists.

import type { PatchNumber } from '../../core/uapi/config.ts';

export type ModelState = 'exact' | 'simplified' | 'absent';

export const FAMILIES = {
  gup: 'References and pins',
  migrate: 'Migration',
  device: 'Device memory and drivers',
  fault: 'Page tables and faults',
  areas: 'Areas and processes',
  huge: 'Huge pages',
  files: 'Files and shared memory',
  alloc: 'The page allocator',
  reclaim: 'Lists, reclaim and swap',
  background: 'NUMA, KSM and policies',
  frame: 'Around the mechanisms',
} as const;
export type Family = keyof typeof FAMILIES;

export interface Mechanism {
  readonly family: Family;
  readonly title: string;
  /** Where it stands in Linux 6.1: `mm/gup.c: follow_page_pte, faultin_page`. */
  readonly kernel: string;
  readonly state: ModelState;
  /** What is taken over, or why it is left out. Kernel words between backticks. */
  readonly how: string;
  /** Departures, by file below src/core/kernel and function there. */
  readonly simplified?: Readonly<Record<string, string>>;
  readonly recordings?: readonly string[];
  /** Tests of hmm-tests.c, without fixture and variant. */
  readonly selftests?: readonly string[];
  /** Below src. */
  readonly tests?: readonly string[];
  readonly scene?: string;
  readonly patches?: readonly PatchNumber[];
}

export const MECHANISMS: readonly Mechanism[] = [
  {
    family: 'gup',
    title: 'Fast path',
    kernel: 'mm/gup.c: internal_get_user_pages_fast, lockless_pages_from_mm, gup_pte_range, gup_huge_pmd',
    state: 'simplified',
    how: 'The walk without `mmap_lock`: what it refuses (a device page for long, an entry that is not writable, devmap for long), how far it got, and the fall back to the slow path for the rest.',
    simplified: {
      'mm/gup-unlocked.ts: internalGetUserPagesFast':
        'Asked for no pages it returns 0 at once, as documented; the kernel’s walk does not expect it.',
    },
    recordings: ['coherent-longterm-pin-fast', 'private-longterm-pin-fast'],
    selftests: ['hmm_gup_test'],
    tests: ['core/kernel/mm/gup.test.ts'],
    scene: 'short-pin',
  },
  {
    family: 'gup',
    title: 'Slow path',
    kernel: 'mm/gup.c: __get_user_pages, follow_page_mask, follow_page_pte, faultin_page, check_vma_flags',
    state: 'simplified',
    how: 'Page by page with faults in between, all FOLL_ flags, unsharing for pins that read, pages that are on their way, huge entries taken as one folio.',
    simplified: {
      'mm/gup-walk.ts: checkVmaFlags': 'No protection keys.',
      'mm/gup-walk.ts: getUserPagesWalk': 'No vsyscall page (`get_gate_page`).',
      'mm/gup-populate.ts: faultinVmaPageRange': 'Keeps `mmap_lock`.',
      'mm/gup-follow.ts: followPagePte':
        'The reference on a pgmap, held while legacy device pages are looked up, is not counted.',
    },
    recordings: ['pin-same-page-twice', 'pin-zero-page', 'pin-file-private', 'mixed-kinds'],
    selftests: ['hmm_gup_test'],
    tests: ['core/kernel/mm/gup.test.ts'],
  },
  {
    family: 'gup',
    title: 'Legal and illegal flags',
    kernel: 'mm/gup.c: is_valid_gup_flags and the entry points',
    state: 'simplified',
    how: 'Which combinations an entry point takes; of all others a warning in the kernel log and -EINVAL. WARN_ON_ONCE warns every time.',
    tests: ['core/kernel/mm/gup.test.ts', 'scenarios/kernel-log.test.ts'],
    scene: 'gup-flags',
  },
  {
    family: 'gup',
    title: 'Long-term pins',
    kernel:
      'mm/gup.c: __gup_longterm_locked, check_and_migrate_movable_pages, collect_longterm_unpinnable_pages',
    state: 'simplified',
    how: 'Pin all, look for pages that may not stay, make pins references, migrate, pin again. Device-coherent pages go one by one and are copied by the kernel itself.',
    simplified: {
      'mm/gup.ts: gupLongtermLocked':
        'The retry after a failed isolation ends after 16 passes with a message; the kernel has no bound.',
    },
    recordings: [
      'coherent-longterm-pin',
      'movable-longterm-pin',
      'cma-longterm-pin',
      'pin-mixed-busy',
      'pin-mixed-run',
    ],
    selftests: ['hmm_gup_test'],
    tests: ['core/kernel/mm/gup.test.ts', 'scenarios/patches.test.ts'],
    scene: 'longterm-pin',
    patches: [6],
  },
  {
    family: 'gup',
    title: 'Which pages may stay pinned for long',
    kernel: 'include/linux/mm.h: is_longterm_pinnable_page, folio_is_longterm_pinnable',
    state: 'exact',
    how: 'CMA and isolated pageblocks, the zero page, device-coherent memory, ZONE_MOVABLE, in the kernel’s order. Always yes without CONFIG_MIGRATION. Before the rename, under its old names.',
    recordings: ['cma-longterm-pin', 'movable-longterm-pin', 'pin-zero-page'],
    tests: [
      'scenarios/patches.test.ts',
      'core/uapi/patches.test.ts',
      'core/kernel/mm/page-isolation.test.ts',
    ],
    scene: 'pinnable-cma',
    patches: [1],
  },
  {
    family: 'gup',
    title: 'Counting pins',
    kernel: 'mm/gup.c: try_grab_folio, try_grab_page, gup_put_folio, unpin_user_pages_dirty_lock',
    state: 'exact',
    how: '1024 a pin in the reference count of a small page, a count of their own for large folios; the zero page is not counted.',
    recordings: ['coherent-pin-short', 'thp-longterm-pin', 'dontneed-pinned'],
    tests: ['core/kernel/mm/gup.test.ts', 'core/machine/holders.test.ts'],
    scene: 'pinnable-zero-page',
  },
  {
    family: 'gup',
    title: 'Callers of follow_page',
    kernel: 'mm/migrate.c: do_pages_stat_array; mm/ksm.c: get_mergeable_page',
    state: 'exact',
    how: 'Three readings to choose from: 6.1, 6.0 with its leaked reference, and the FOLL_LRU of earlier postings.',
    tests: ['core/kernel/mm/move-pages.test.ts', 'core/kernel/mm/ksm-scan.test.ts'],
    patches: [4],
  },
  {
    family: 'gup',
    title: 'The driver gup_test',
    kernel: 'mm/gup_test.c: __gup_test_ioctl, verify_dma_pinned, dump_pages_test',
    state: 'simplified',
    how: 'All commands, with the warnings for pages that are not pinned, or not pinnable but pinned.',
    simplified: { 'drivers/gup-test.ts: gupTestIoctl': 'No timing.' },
    tests: ['core/kernel/drivers/gup-test.test.ts', 'scenarios/kernel-log.test.ts'],
    scene: 'gup-test-not-pinnable',
  },
  {
    family: 'migrate',
    title: 'migrate_vma: setup, pages, finalize',
    kernel:
      'mm/migrate_device.c: migrate_vma_setup, migrate_vma_collect_pmd, migrate_device_unmap, migrate_vma_pages, migrate_vma_finalize',
    state: 'exact',
    how: 'Selection by type and owner, migration entries, the exact count of references, holes filled with new pages, what is put back when it fails.',
    recordings: [
      'coherent-roundtrip',
      'private-roundtrip',
      'coherent-get-blocks-migration',
      'pin-blocks-to-dev',
    ],
    selftests: ['migrate', 'migrate_fault', 'migrate_shared', 'migrate_multiple', 'migrate_mixed'],
    tests: ['core/kernel/mm/migrate.test.ts', 'core/kernel/drivers/memory-types.test.ts'],
    scene: 'two-owners',
    patches: [3, 5],
  },
  {
    family: 'migrate',
    title: 'A device-coherent page moves for a pin',
    kernel: 'mm/migrate_device.c: migrate_device_coherent_page',
    state: 'exact',
    how: 'Lock, unmap, a new page, metadata first and bytes afterwards, then the entries; -EBUSY when somebody else holds it.',
    recordings: ['coherent-longterm-pin', 'pin-mixed-busy'],
    tests: ['core/kernel/mm/gup.test.ts'],
    scene: 'busy-page',
    patches: [6],
  },
  {
    family: 'migrate',
    title: 'Migration of ordinary pages',
    kernel: 'mm/migrate.c: migrate_pages, unmap_and_move, migrate_folio, remove_migration_ptes',
    state: 'simplified',
    how: 'Anonymous, shared and file pages, huge ones whole or split, retries, page locks that make others wait.',
    recordings: ['movable-longterm-pin', 'movable-thp-pin', 'movable-file-pin'],
    tests: ['core/kernel/mm/migrate.test.ts'],
    scene: 'movable-zone',
  },
  {
    family: 'migrate',
    title: 'Waiting for a migration',
    kernel: 'mm/migrate.c: migration_entry_wait',
    state: 'exact',
    how: 'Tasks on simulated CPUs sleep on migration entries and page locks; a seed chooses who runs next.',
    selftests: ['migrate_fault'],
    tests: ['core/kernel/sched/tasks.test.ts', 'scenarios/scenes.test.ts'],
    scene: 'wait-for-migration',
  },
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
      'mm/memremap.ts: vmemmapPopulate': 'Blocks of struct pages are marked on their first page only.',
      'mm/e820.ts: efiMemoryMap': 'What firmware keeps for itself, and holes for devices, are not listed.',
      'mm/e820.ts: iomemResources':
        'No lines for devices that are no memory, nor for the kernel’s own image.',
      'drivers/amdgpu-device.ts: svmMigrateInit':
        'Private memory is as large as VRAM, not rounded up to a section.',
    },
    tests: ['conformance/gpu-boot.test.ts', 'scenarios/patches.test.ts'],
    scene: 'patch-7',
    patches: [7],
  },
  {
    family: 'device',
    title: 'amdgpu: shared virtual memory',
    kernel: 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c, kfd_migrate.c',
    state: 'simplified',
    how: 'Ranges and attributes, prefetch, faults with XNACK on, mapping and quiescing without, migration both ways and through system memory, invalidation, the GPU’s page tables. Three faults of v6.1’s own code stay in; a step that meets one is taken back, with its name.',
    simplified: {
      'drivers/amdgpu-fault.ts: svmRangeCreateUnregisteredRange':
        'Of buffer objects only user pointers are mapped by address.',
      'drivers/amdgpu-map.ts: svmRangeValidateAndMap':
        'The GPUs’ page tables take no VRAM; a walk that must begin again does so without time-out.',
      'drivers/amdgpu-map.ts: validateStretch':
        'A buffer object that is gone is an error; the kernel follows a pointer to it.',
      'drivers/amdgpu-migrate.ts: svmMigrateCopyMemoryGart': 'Bytes arrive when the copy is submitted.',
      'drivers/amdgpu-range.ts: svmRangeClone':
        'A range without a reference of its own passes none on; the kernel takes one that nobody drops.',
      'drivers/amdgpu-svm.ts: svmRangeSwitchXnack': 'Allowed also while the process has queues.',
    },
    tests: [
      'conformance/gpu-svm-ranges.test.ts',
      'conformance/gpu-svm-moving.test.ts',
      'conformance/gpu-svm-faults.test.ts',
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
        'Memory of a user pointer is mapped at its own address at once, and counts against no limit.',
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
    family: 'frame',
    title: 'Time and traffic of a run',
    kernel: 'include/trace/events/kmem.h, migrate.h: what can be counted',
    state: 'simplified',
    how: 'Each call, copy and message of the trace times a figure that says where it is from: measured, stated by a vendor or assumed. Every figure can be changed.',
    simplified: {
      'timeline/costs.ts: Reader':
        'Accesses between two GPUs of one package count as if they went between packages.',
      'timeline/costs.ts: costsOf':
        'The work of a step is one lane: a copy does not overlap with the work of the CPU for its own migration.',
    },
    tests: ['conformance/gpu-costs.test.ts'],
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
    family: 'fault',
    title: 'Anonymous faults and copy on write',
    kernel: 'mm/memory.c: handle_mm_fault, do_anonymous_page, do_wp_page, wp_page_copy, do_swap_page',
    state: 'exact',
    how: 'Zero page, exclusive pages, reuse or copy, device-private entries that bring the page home, writes to device-coherent pages in place.',
    recordings: ['first-touch', 'coherent-cow', 'private-cow', 'coherent-cpu-write', 'private-cpu-write'],
    selftests: ['hmm_cow_in_device'],
    tests: ['core/kernel/mm/gup.test.ts'],
    scene: 'cpu-touch',
  },
  {
    family: 'fault',
    title: 'Entries and page tables',
    kernel: 'arch/x86/include/asm/pgtable.h; include/linux/swapops.h; mm/memory.c: vm_normal_page',
    state: 'exact',
    how: 'The 64 bits of present, migration, device-private, device-exclusive, swap and huge entries. `vm_normal_page` returns device-coherent pages; since patch 4 its callers ask.',
    tests: ['core/uapi/pte.test.ts', 'core/kernel/mm/page-table.test.ts'],
    scene: 'patch-4',
    patches: [4],
  },
  {
    family: 'fault',
    title: 'Unmapping',
    kernel: 'mm/memory.c: zap_pte_range; mm/mmu_gather.c',
    state: 'simplified',
    how: 'Batches, the order of flushes and notifiers, partial ranges, device pages that return to their driver.',
    simplified: { 'mm/unmap.ts: zapPteRange': 'No userfaultfd markers.' },
    recordings: [
      'coherent-munmap-partial',
      'private-munmap-partial',
      'coherent-dontneed',
      'private-dontneed',
    ],
    tests: ['core/kernel/mm/unmap.test.ts'],
    scene: 'around-munmap',
  },
  {
    family: 'areas',
    title: 'mmap, munmap, merging and splitting of areas',
    kernel: 'mm/mmap.c: mmap_region, do_mas_align_munmap, vma_merge, __split_vma',
    state: 'simplified',
    how: 'Areas are cut and joined where the kernel does it, with their anonymous anchors.',
    simplified: {
      'mm/mmap.ts: mmapRegion': 'Areas of a scenario never touch, so a new one never joins a neighbour.',
      'mm/mmap.ts: removeVma': 'Ordinary files stay open, so their page cache stays too.',
    },
    recordings: ['coherent-munmap-partial'],
    tests: ['core/kernel/mm/mmap.test.ts'],
    scene: 'around-munmap',
  },
  {
    family: 'areas',
    title: 'mremap',
    kernel: 'mm/mremap.c: move_vma, move_page_tables',
    state: 'simplified',
    how: 'Entries move to another address; frames stay, devices are told.',
    simplified: {
      'mm/mremap.ts: copyVma': 'Areas of a scenario never touch, so the copy never joins a neighbour.',
      'mm/mremap.ts: movePageTables': 'The tables of a whole GiB move one by one, not with their PUD entry.',
    },
    tests: ['core/kernel/mm/mmap.test.ts', 'scenarios/around/around.test.ts'],
    scene: 'around-mremap',
  },
  {
    family: 'areas',
    title: 'mprotect',
    kernel: 'mm/mprotect.c: change_pte_range, mprotect_fixup',
    state: 'simplified',
    how: 'Protection of present and special entries, areas that fall into pieces.',
    simplified: {
      'mm/mprotect.ts: changePteRange': 'No userfaultfd.',
      'mm/mprotect.ts: changePmdRange': 'Huge pages are not hinted.',
      'mm/mprotect.ts: mprotectFixup': 'No commit accounting.',
    },
    recordings: ['coherent-mprotect', 'private-mprotect'],
    selftests: ['exclusive_mprotect'],
    tests: ['core/kernel/mm/mprotect.test.ts'],
    scene: 'around-mprotect',
  },
  {
    family: 'areas',
    title: 'mlock',
    kernel: 'mm/mlock.c: mlock_fixup, mlock_pte_range, mlock_folio',
    state: 'simplified',
    how: 'Locked pages are marked and unevictable; device pages are neither.',
    simplified: {
      'mm/mlock-vma.ts: mlockVmaPagesRange':
        'VM_IO is not set for the time of the walk; nothing else looks at the area meanwhile.',
      'mm/mlock-vma.ts: mlockFixup': 'No limit on locked memory.',
    },
    recordings: ['coherent-mlock', 'private-mlock'],
    tests: ['core/kernel/mm/mprotect.test.ts', 'scenarios/around/around.test.ts'],
    scene: 'around-mlock',
    patches: [4],
  },
  {
    family: 'areas',
    title: 'madvise',
    kernel: 'mm/madvise.c: madvise_cold_or_pageout_pte_range, madvise_free_pte_range, madvise_dontneed_free',
    state: 'simplified',
    how: 'DONTNEED, FREE, COLD, PAGEOUT, HUGEPAGE, COLLAPSE, DONTFORK, WIPEONFORK, POPULATE, MERGEABLE and their opposites.',
    simplified: { 'mm/madvise.ts: madviseColdOrPageout': 'The caller may write every file it maps.' },
    recordings: ['coherent-lru-advice', 'coherent-dontneed', 'private-dontneed'],
    tests: ['core/kernel/mm/madvise.test.ts', 'scenarios/around/around.test.ts'],
    scene: 'around-free',
    patches: [4],
  },
  {
    family: 'areas',
    title: 'fork',
    kernel: 'kernel/fork.c: dup_mmap; mm/memory.c: copy_present_pte, copy_nonpresent_pte, copy_present_page',
    state: 'exact',
    how: 'Shared pages are write-protected, pinned ones copied at once, special entries copied with their permission.',
    recordings: ['fork-pinned-system', 'thp-fork', 'coherent-cow'],
    selftests: ['anon_write_child', 'anon_write_child_shared'],
    tests: ['core/kernel/mm/hugetlb.test.ts', 'core/kernel/mm/mmap.test.ts'],
    scene: 'fork-and-pin',
  },
  {
    family: 'areas',
    title: 'exit',
    kernel: 'mm/mmap.c: exit_mmap',
    state: 'exact',
    how: 'Everything is unmapped; what is pinned stays with whoever pinned it.',
    recordings: ['coherent-exit', 'private-exit'],
    selftests: ['anon_teardown'],
    tests: ['core/kernel/mm/mmap.test.ts', 'scenarios/around/around.test.ts'],
    scene: 'around-exit',
  },
  {
    family: 'huge',
    title: 'Transparent huge pages',
    kernel: 'mm/huge_memory.c: do_huge_pmd_anonymous_page, split_huge_page_to_list, __split_huge_pmd',
    state: 'simplified',
    how: 'Faults, the huge zero page, splits of the entry and of the page, what a pin forbids.',
    simplified: {
      'mm/huge-memory.ts: hugepageVmaCheck': 'Neither DAX nor files.',
      'mm/huge-memory.ts: mmGetHugeZeroPage': 'No shrinker gives it back, so its users are not counted.',
      'mm/deferred-split.ts: shrinkDeferredSplit':
        'Only this queue, no other slab cache; what a round left undone does not count in the next one.',
    },
    recordings: ['thp-basic', 'coherent-thp', 'private-thp', 'coherent-thp-partial-pin', 'thp-longterm-pin'],
    selftests: ['anon_write_huge', 'compound'],
    tests: ['core/kernel/mm/huge-split.test.ts'],
    scene: 'around-huge-split',
  },
  {
    family: 'huge',
    title: 'Collapse',
    kernel: 'mm/khugepaged.c: hpage_collapse_scan_pmd, collapse_huge_page, collapse_file, madvise_collapse',
    state: 'simplified',
    how: 'MADV_COLLAPSE on anonymous and on shared memory, and its refusal of device pages.',
    simplified: {
      'mm/khugepaged-file.ts: collapseFile':
        'mmap_lock is held all the time, so the caller’s tables can always be retracted; nothing of shared memory is swapped out.',
    },
    recordings: ['coherent-collapse'],
    tests: [
      'core/kernel/mm/huge-split.test.ts',
      'core/kernel/mm/khugepaged-file.test.ts',
      'scenarios/around/around.test.ts',
    ],
    scene: 'around-collapse',
    patches: [4],
  },
  {
    family: 'huge',
    title: 'hugetlb',
    kernel:
      'mm/hugetlb.c: hugetlb_fault, follow_hugetlb_page, dequeue_huge_page_node_exact; mm/migrate.c: unmap_and_move_huge_page',
    state: 'simplified',
    how: 'Pools of 2 MiB pages and of gigantic ones, reservations, surplus pages, private and shared mappings, copies at fork, migration, and the pinnable rule where a page is taken from the free list.',
    simplified: {
      'mm/hugetlb-pool.ts: allocSurplusHugePage': 'Surplus pages are counted for all nodes together.',
      'mm/hugetlb.ts: hugetlbNoPage':
        'Nobody waits for the lock of a page of the cache; page tables of shared mappings of a whole GiB are not shared (huge_pmd_share).',
      'mm/hugetlb.ts: hugetlbWp':
        'An owner whose children keep the page elsewhere gets SIGBUS; the kernel would try for ever.',
    },
    recordings: ['hugetlb-longterm-pin'],
    selftests: ['anon_write_hugetlbfs'],
    tests: [
      'core/kernel/mm/hugetlb.test.ts',
      'core/kernel/mm/hugetlb-gigantic.test.ts',
      'core/kernel/mm/hugetlb-resv.test.ts',
      'core/kernel/mm/hugetlb-shared.test.ts',
      'core/kernel/mm/hugetlb-migrate.test.ts',
    ],
    scene: 'around-hugetlb-move',
  },
  {
    family: 'files',
    title: 'Files and the page cache',
    kernel: 'mm/filemap.c: filemap_fault, filemap_map_pages; mm/readahead.c',
    state: 'simplified',
    how: 'Faults with readahead, 16 entries at a time, private copies, dirty shared pages.',
    simplified: {
      'mm/filemap.ts: createScenarioFile':
        'Nothing is written back later; the block that lists the file’s blocks is not modelled.',
      'mm/filemap.ts: readScenarioFile':
        'A page that was dropped from the cache is not read in again, only its number is known.',
      'mm/readahead.ts: doPageCacheRa': 'Reading takes no time.',
      'mm/readahead.ts: doSyncMmapReadahead':
        'Misses are not counted (a file of 64 pages never has a hundred).',
    },
    recordings: ['coherent-file-private', 'private-file-private', 'movable-file-pin', 'pin-file-private'],
    selftests: ['file_read', 'file_write', 'migrate_file_private'],
    tests: ['core/kernel/mm/filemap.test.ts'],
  },
  {
    family: 'files',
    title: 'Shared memory',
    kernel: 'mm/shmem.c: shmem_fault',
    state: 'simplified',
    how: 'Anonymous shared memory, with the huge pages that MADV_COLLAPSE makes. `migrate_vma` does not move it.',
    simplified: {
      'mm/shmem.ts: shmemFault':
        'Never swapped out. (A fault makes no huge page: `shmem_enabled` is `never`.)',
    },
    recordings: ['coherent-anon-shared', 'private-anon-shared'],
    selftests: ['anon_write_child_shared'],
  },
  {
    family: 'alloc',
    title: 'Buddy allocator',
    kernel: 'mm/page_alloc.c: rmqueue, __rmqueue_fallback, __free_one_page',
    state: 'simplified',
    how: 'Orders, migratetypes, CMA, stealing of pageblocks. No recording prints the free lists; they rest on the source.',
    simplified: {
      'mm/buddy.ts: rmqueue': 'No per-CPU page lists, no highatomic reserve.',
      'mm/buddy.ts: takeFallback':
        'What a block leaves behind stays on the lists of its pageblock’s type; no boost of watermarks.',
      'mm/buddy.ts: movePageblock': 'Free pages of an isolated block still count as free ones of their zone.',
    },
    tests: ['core/kernel/mm/page-alloc.test.ts', 'core/kernel/mm/page-isolation.test.ts'],
    scene: 'pinnable-isolate',
  },
  {
    family: 'alloc',
    title: 'Zones, watermarks and NUMA fallback',
    kernel: 'mm/page_alloc.c: __alloc_pages, __alloc_pages_slowpath, build_zonelists, setup_per_zone_wmarks',
    state: 'simplified',
    how: 'Zone lists by distance, watermarks and lowmem reserves as computed at boot, reclaim and the OOM killer at the end.',
    simplified: {
      'mm/page-alloc.ts: allocPages': 'No per-CPU page lists, no highatomic reserve.',
      'mm/page-alloc.ts: allocPagesSlowpath': 'No compaction, so that costly orders only take what is there.',
      'mm/page-alloc.ts: MAX_RECLAIM_RETRIES':
        'Two fruitless rounds of reclaim before the OOM killer comes; the kernel tries 16.',
    },
    tests: ['core/kernel/mm/watermarks.test.ts', 'core/kernel/mm/page-alloc.test.ts'],
  },
  {
    family: 'reclaim',
    title: 'LRU lists and batches',
    kernel: 'mm/swap.c: folio_add_lru, lru_add_drain_cpu; include/linux/mm_inline.h',
    state: 'simplified',
    how: 'Lists a node, batches a CPU, activation; no device page is on any list.',
    simplified: { 'mm/swap.ts: folioEvictable': 'No unevictable mappings.' },
    tests: ['core/kernel/mm/mm-inline.test.ts'],
  },
  {
    family: 'reclaim',
    title: 'Reclaim',
    kernel: 'mm/vmscan.c: shrink_node, shrink_folio_list, balance_pgdat',
    state: 'simplified',
    how: 'Far enough to show that device pages are left alone: aging, unmapping, swapping, clean file pages dropped.',
    simplified: {
      'mm/vmscan.ts: isolateLruFolios': 'Folios of all zones, whatever zone is short.',
      'mm/vmscan.ts: shrinkActiveList': 'No executable mappings that stay.',
      'mm/vmscan.ts: getScanCount': 'The cost of past reclaim does not count.',
      'mm/vmscan.ts: balancePgdat': 'It runs at once, in the place of the task that woke it.',
      'mm/reclaim.ts: tryToUnmapOne': 'No hwpoison.',
      'mm/reclaim.ts: placeInSwap': 'Merged pages are not swapped out.',
      'mm/reclaim.ts: folioCheckReferences': 'No executable mappings.',
      'mm/reclaim.ts: shrinkFolioList':
        'Dirty pages of files are not written back, shared memory is not swapped, no demotion.',
    },
    tests: ['core/kernel/mm/vmscan.test.ts', 'scenarios/around/around.test.ts'],
    scene: 'around-reclaim',
  },
  {
    family: 'reclaim',
    title: 'Swap',
    kernel: 'mm/swapfile.c; mm/swap_state.c; mm/memory.c: do_swap_page',
    state: 'simplified',
    how: 'Slots, the swap cache, sharing over fork, migration of a page in the cache.',
    simplified: {
      'mm/swapfile.ts: addToSwap': 'Huge pages are not swapped out whole.',
      'mm/swapfile.ts: swapWritepage':
        'The device is as fast as memory (SWP_SYNCHRONOUS_IO): no writeback flag, nobody waits.',
      'mm/swap-fault.ts: swapInPage': 'No readahead; one device.',
    },
    tests: ['core/kernel/mm/vmscan.test.ts'],
    scene: 'around-pageout',
  },
  {
    family: 'reclaim',
    title: 'Out of memory',
    kernel: 'mm/oom_kill.c: oom_badness, out_of_memory; kernel/exit.c: do_exit',
    state: 'simplified',
    how: 'The process with the most pages is killed; device pages count as its own and return to the driver. Its private memory is reaped, its files are closed, and it ends when no part of it runs in the kernel.',
    simplified: {
      'mm/oom-kill.ts: oomBadness': 'No oom_score_adj.',
      'mm/oom-kill.ts: leaveKilled': 'A kernel thread that works is busy with the memory of all processes.',
      'mm/oom-kill.ts: oomReapTask':
        'The reaper, a kernel thread, does not wait two seconds for the process to end by itself.',
      'mm/exit.ts: doExit':
        'Files are closed that a GPU’s driver knows; what its kernel threads do later, it does at once.',
    },
    tests: [
      'core/kernel/mm/vmscan.test.ts',
      'scenarios/around/around.test.ts',
      'conformance/gpu-system-memory.test.ts',
    ],
    scene: 'around-oom',
  },
  {
    family: 'background',
    title: 'NUMA balancing and policies',
    kernel: 'kernel/sched/fair.c: task_numa_work; mm/memory.c: do_numa_page; mm/mempolicy.c: do_mbind',
    state: 'simplified',
    how: 'Hinting entries, a fault that moves the page to the reader; device pages are not hinted and not moved.',
    simplified: {
      'mm/numa.ts: doNumaPage': 'One fault decides; no groups of tasks.',
      'mm/numa.ts: taskNumaWork':
        'The range is given; the kernel goes round the address space as time passes.',
      'mm/numa.ts: doMbind': 'The policy itself is not kept.',
    },
    tests: ['core/kernel/mm/numa.test.ts'],
    scene: 'around-numa',
    patches: [4],
  },
  {
    family: 'background',
    title: 'move_pages',
    kernel: 'mm/migrate.c: do_pages_move, add_page_for_migration, do_pages_stat_array',
    state: 'simplified',
    how: 'To a node, or the question where pages are; of a device page it says that there is none.',
    simplified: {
      'mm/move-pages.ts: doPagesMove': 'One node for all pages; all nodes are allowed.',
    },
    tests: ['core/kernel/mm/move-pages.test.ts'],
    scene: 'patch-4',
    patches: [4],
  },
  {
    family: 'background',
    title: 'KSM',
    kernel: 'mm/ksm.c: ksm_do_scan, get_mergeable_page, try_to_merge_one_page',
    state: 'simplified',
    how: 'Equal pages are merged and copied again on write; never a device page.',
    simplified: {
      'mm/ksm-scan.ts: ksmDoScan':
        'The range is given; a page need not stay the same for a whole round first.',
      'mm/ksm-scan.ts: pruneItems':
        'Children of a merged page get their own places at once, and places on private device memory are kept.',
      'mm/ksm-scan.ts: tryToMergeOnePage': 'Pages of huge pages are left alone.',
    },
    tests: ['core/kernel/mm/ksm-scan.test.ts'],
    scene: 'around-ksm',
    patches: [4],
  },
  {
    family: 'frame',
    title: 'Invariants',
    kernel: 'VM_BUG_ON and what follows from it',
    state: 'exact',
    how: 'Every reference has a named holder, every mapping an entry, every free frame one list: checked over recordings, selftests and generated programs.',
    tests: ['core/invariants/invariants.test.ts', 'conformance/programs.test.ts', 'conformance/soup.test.ts'],
  },
  {
    family: 'frame',
    title: 'Memory controllers',
    kernel: 'mm/memcontrol.c',
    state: 'absent',
    how: 'Cgroups charge and limit memory; the series lets them move charges of coherent pages. A page in VRAM is charged like RAM, and reclaim cannot take it, so it counts against `memory.max` for as long as it is there. No scenario has more than one cgroup, and none has a limit.',
  },
  {
    family: 'device',
    title: 'The rest of the GPU driver',
    kernel:
      'drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_get_attr, svm_range_get_pte_flags; kfd_smi_events.c; amdgpu_amdkfd_gpuvm.c: amdgpu_amdkfd_reserve_mem_limit; amdgpu_gtt_mgr.c',
    state: 'absent',
    how: 'What nobody would see move: asking for attributes, the memory types in the GPU’s entries (CC, RW, UC, NC), messages of the system management interface, the limits of compute objects in system memory (3/8 of the free RAM) and of each device’s GTT, VRAM for the GPU’s own page tables, signals that end a wait for VRAM, the 30 seconds for which TTM waits for an object that was freed, devices that never knew XNACK.',
  },
  {
    family: 'device',
    title: 'Other takers of soft-reserved memory',
    kernel: 'drivers/dax/hmem/device.c: hmem_register_device; arch/x86/platform/efi: efi_fake_mem',
    state: 'absent',
    how: 'device-dax may claim the same range before the GPU’s driver does, and then makes it a node of ordinary memory; `efi_fake_mem` turns a piece of RAM into such a range. Here the driver is alone.',
  },
  {
    family: 'frame',
    title: 'userfaultfd, protection keys, hwpoison on RAM',
    kernel: 'fs/userfaultfd.c; arch/x86/mm/pkeys.c; mm/memory-failure.c',
    state: 'absent',
    how: 'The series does not touch them, and no recording uses them.',
  },
  {
    family: 'frame',
    title: 'Compaction and memory hotplug',
    kernel: 'mm/compaction.c; mm/memory_hotplug.c',
    state: 'absent',
    how: 'Of hotplug only the isolation of pageblocks is here, because it decides which pages may be pinned.',
  },
  {
    family: 'frame',
    title: 'Time',
    kernel: 'kernel/time, kernel/sched',
    state: 'absent',
    how: 'Events have an order and no duration. Tasks run on simulated CPUs without priorities.',
  },
];
