// Where Linux 6.1 has each warning that the simulation can print, so that it can be headed as dmesg heads it.

import type { KernelMessage } from './bug.ts';

/** A line of the source. Lines are those of 6.1.192. */
export interface WarnSite {
  readonly file: string;
  readonly line: number;
  /** As in the source; a compiler may have put it into its caller. */
  readonly fn: string;
  /** With `ONCE` the kernel prints it the first time only. */
  readonly macro: 'WARN' | 'WARN_ON' | 'WARN_ONCE' | 'WARN_ON_ONCE';
  /** What WARN and WARN_ONCE print before the heading; `%` parameters as in the source. */
  readonly text?: string;
}

const GUP = 'mm/gup.c';
const gup = (line: number, fn: string): WarnSite => ({ file: GUP, line, fn, macro: 'WARN_ON_ONCE' });
const memremap = (line: number, text: string, fn = 'memremap_pages'): WarnSite => ({
  file: 'mm/memremap.c',
  line,
  fn,
  macro: 'WARN',
  text,
});
const SVM = 'drivers/gpu/drm/amd/amdkfd/kfd_svm.c';

/** The calls that pin check their flags and their array by themselves. */
const PIN_CALLS: readonly (readonly [fn: string, get: number, noPages: number])[] = [
  ['pin_user_pages_fast', 3191, 3194],
  ['pin_user_pages_fast_only', 3217, 3220],
  ['pin_user_pages_remote', 3272, 3275],
  ['pin_user_pages', 3309, 3312],
  ['pin_user_pages_unlocked', 3333, 3336],
];

const SITES: Readonly<Partial<Record<KernelMessage, readonly WarnSite[]>>> = {
  'gup.warn.pin-by-caller': [gup(2177, 'is_valid_gup_flags')],
  'gup.warn.longterm-by-caller': [gup(2184, 'is_valid_gup_flags')],
  'gup.warn.get-in-pin': PIN_CALLS.map(([fn, line]) => gup(line, fn)),
  'gup.warn.no-pages': PIN_CALLS.map(([fn, , line]) => gup(line, fn)),
  'gup.warn.longterm-with-locked': [gup(2204, '__get_user_pages_remote')],
  'gup.warn.longterm-unlocked': [gup(2367, 'get_user_pages_unlocked')],
  'gup.warn.longterm-without-pin': [{ ...gup(2153, '__gup_longterm_locked'), macro: 'WARN_ON' }],
  'gup.warn.fast-flags': [gup(3047, 'internal_get_user_pages_fast')],
  'gup.warn.get-and-pin': [gup(554, 'follow_page_pte')],
  'gup.warn.neither': [gup(181, 'try_grab_folio')],
  'gup.warn.error-count': [{ ...gup(445, 'unpin_user_pages'), macro: 'WARN_ON' }],
  'try_grab_page.refcount': [gup(224, 'try_grab_page')],
  'hugetlb.longterm-grab-failed': [
    { file: 'mm/hugetlb.c', line: 6629, fn: 'follow_hugetlb_page', macro: 'WARN_ON_ONCE' },
  ],
  'dmirror_do_fault.not-writable': [
    { file: 'lib/test_hmm.c', line: 280, fn: 'dmirror_do_fault', macro: 'WARN_ON' },
  ],
  'conflicting-mapping': [183, 190].map((line) =>
    memremap(line, 'Conflicting mapping in same section', 'pagemap_range'),
  ),
  'memremap.no-device-private': [memremap(307, 'Device private memory not supported')],
  'memremap.no-migrate-to-ram': [memremap(311, 'Missing migrate_to_ram method')],
  'memremap.no-page-free': [315, 325].map((line) => memremap(line, 'Missing page_free method')),
  'memremap.no-owner': [319, 329].map((line) => memremap(line, 'Missing owner')),
  'memremap.invalid-type': [memremap(346, 'Invalid pgmap type %a')],
  'memremap.attempted-on-ram': [
    { ...memremap(199, 'attempted on %ram region %first-%last', 'pagemap_range'), macro: 'WARN_ONCE' },
  ],
  'memremap.misaligned': [
    {
      file: 'mm/memory_hotplug.c',
      line: 328,
      fn: '__add_pages',
      macro: 'WARN',
      text: 'Misaligned __add_pages start: %pfn end: #%lastpfn',
    },
  ],
  'memremap.section-present': [
    { file: 'arch/x86/mm/init_64.c', line: 978, fn: 'add_pages', macro: 'WARN_ON_ONCE' },
  ],
  'free_zone_device_page.no-page-free': [
    { file: 'mm/memremap.c', line: 473, fn: 'free_zone_device_page', macro: 'WARN_ON_ONCE' },
  ],
  'gup_test.not-dma-pinned': [
    {
      file: 'mm/gup_test.c',
      line: 50,
      fn: 'verify_dma_pinned',
      macro: 'WARN',
      text: 'pages[%a] is NOT dma-pinned',
    },
  ],
  'gup_test.not-pinnable': [
    {
      file: 'mm/gup_test.c',
      line: 56,
      fn: 'verify_dma_pinned',
      macro: 'WARN',
      text: 'pages[%a] is NOT pinnable but pinned',
    },
  ],
  'svm.bo-missing': [
    {
      file: SVM,
      line: 1573,
      fn: 'svm_range_validate_and_map',
      macro: 'WARN_ONCE',
      text: 'VRAM BO missing during validation',
    },
  ],
  'svm.not-last-reference': [
    {
      file: SVM,
      line: 3378,
      fn: 'svm_range_evict_svm_bo_worker',
      macro: 'WARN_ONCE',
      text: 'This was not the last reference',
    },
  ],
};

/** include/linux/memremap.h: enum memory_type */
const MEMORY_DEVICE_COHERENT = 2;

/** Which of several lines of one function it is, where the parameters of the message tell. */
const lineOf = (message: KernelMessage, a: number, b: number): number => {
  switch (message) {
    case 'conflicting-mapping':
      return a === b - 1 ? 1 : 0;
    case 'memremap.no-page-free':
    case 'memremap.no-owner':
      return a === MEMORY_DEVICE_COHERENT ? 1 : 0;
    default:
      return 0;
  }
};

/**
 * The line of the source at which a function warns.
 *
 * Kernel: `include/asm-generic/bug.h: WARN, WARN_ON_ONCE`
 *
 * @param printer - traced function that warns: several calls check the same by lines of their own
 * @param a - with `b` the parameters of the message
 */
export const warnSite = (
  message: KernelMessage,
  printer: string,
  a: number,
  b: number,
): WarnSite | undefined => {
  const sites = SITES[message] ?? [];
  return sites.find(({ fn }) => fn !== sites[0]?.fn && fn === printer) ?? sites[lineOf(message, a, b)];
};
