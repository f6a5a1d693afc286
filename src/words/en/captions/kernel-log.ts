// What the kernel prints, in plain words, and when it does.

import { count, num, type Params } from '../phrases.ts';
import type { Told } from './told.ts';

/** As the tables and maps write it, and as `dump_page` prints it. */
const pfnOf = (p: Params): string => `\`0x${num(p, 'b').toString(16)}\``;

export const kernelLog: Readonly<Record<string, Told>> = {
  'log.gup.warn.pin-by-caller': {
    what: 'The kernel warns: `FOLL_PIN` was passed to a `get_user_pages` call.',
    why: 'Only the `pin_user_pages` calls set it, and they do so themselves. The call returns `-EINVAL`.',
  },
  'log.gup.warn.longterm-by-caller': {
    what: 'The kernel warns: `FOLL_LONGTERM` was passed to a `get_user_pages` call.',
    why: 'A long-term reference must be a pin. The call returns `-EINVAL`.',
  },
  'log.gup.warn.get-in-pin': {
    what: 'The kernel warns: `FOLL_GET` was passed to a `pin_user_pages` call.',
    why: 'A page is either referenced or pinned by one call. It returns `-EINVAL`.',
  },
  'log.gup.warn.no-pages': {
    what: 'The kernel warns: a `pin_user_pages` call has no array for the pages.',
    why: 'Nobody could give such pins back. The call returns `-EINVAL`.',
  },
  'log.gup.warn.longterm-with-locked': {
    what: 'The kernel warns: a long-term pin may not drop `mmap_lock`.',
    why: '`FOLL_LONGTERM` looks at the area, which could change while the lock is dropped.',
  },
  'log.gup.warn.longterm-unlocked': {
    what: 'The kernel warns: `FOLL_LONGTERM` was passed to a call that takes `mmap_lock` itself.',
    why: 'Faults may drop that lock, and a long-term pin must keep it.',
  },
  'log.gup.warn.longterm-without-pin': {
    what: 'The kernel warns: `FOLL_LONGTERM` without `FOLL_PIN`.',
    why: 'The check for movable pages expects them to be pinned.',
  },
  'log.gup.warn.fast-flags': {
    what: 'The kernel warns: the fast path does not know one of these flags.',
    why: 'It knows `WRITE`, `LONGTERM`, `FORCE`, `PIN`, `GET`, `FAST_ONLY` and `NOFAULT`. The call returns `-EINVAL`.',
  },
  'log.gup.warn.get-and-pin': {
    what: 'The kernel warns: `FOLL_GET` and `FOLL_PIN` together.',
    why: 'One lookup takes one kind of reference.',
  },
  'log.gup.warn.neither': {
    what: 'The kernel warns: a grab without `FOLL_GET` and `FOLL_PIN`.',
    why: 'The fast path always takes one of the two.',
  },
  'log.gup.warn.error-count': {
    what: 'The kernel warns: pages are given back, and their number is an error code.',
    why: 'The pin call had failed; there is nothing to give back.',
  },
  'log.try_grab_page.refcount': {
    what: 'The kernel warns: a reference was asked on a page that is free.',
    why: 'Such a page must not be handed to anybody.',
  },
  'log.hugetlb.longterm-grab-failed': {
    what: 'The kernel warns: a huge page could not be pinned for long.',
    why: 'It lies where pages must stay movable.',
  },
  'log.dmirror_do_fault.not-writable': {
    what: 'The driver warns: it asked for a writable page and got a read-only one.',
    why: 'A peculiarity of the test driver: for its own private page, `hmm_range_fault` does not fault for write permission.',
  },
  'log.conflicting-mapping': {
    what: 'The kernel warns: this range is registered already.',
    why: 'Two drivers cannot own the same memory.',
  },
  'log.memremap.no-device-private': {
    what: 'The kernel prints: `Device private memory not supported`.',
    why: 'It was built without `CONFIG_DEVICE_PRIVATE`; the registration fails with `-EINVAL`.',
  },
  'log.memremap.no-migrate-to-ram': {
    what: 'The kernel prints: `Missing migrate_to_ram method`.',
    why: 'Private memory needs a driver that can bring a page home when the CPU touches it.',
  },
  'log.memremap.no-page-free': {
    what: 'The kernel prints: `Missing page_free method`.',
    why: 'Somebody has to take a page back when its last reference is gone.',
  },
  'log.memremap.no-owner': {
    what: 'The kernel prints: `Missing owner`.',
    why: 'Only its owner may move the pages of a device.',
  },
  'log.memremap.invalid-type': {
    what: 'The kernel prints: `Invalid pgmap type`.',
    why: 'This kernel does not know the type of memory.',
  },
  'log.memremap.attempted-on-ram': {
    what: 'The kernel prints: `attempted on ram region`.',
    why: 'System memory cannot be registered as memory of a device: `-ENXIO`.',
  },
  'log.free_zone_device_page.no-page-free': {
    what: 'The kernel warns: a device page has no references, and its driver does not take it back.',
    why: 'The page is lost: nobody can use it any more.',
  },
  'log.migrate.unsupported-type': {
    what: 'The kernel prints: `Unsupported ZONE_DEVICE page type`.',
    why: 'Only private and coherent memory can hold pages of a process.',
  },
  'log.longterm.retry-capped': {
    what: 'The retries of the long-term pin are cut off here. The kernel would go on.',
    why: 'A simplification of this simulation: after 16 passes it stops.',
  },
  'log.gup_test.not-dma-pinned': {
    what: (p) => `The kernel warns: \`pages[${num(p, 'a')}] is NOT dma-pinned\`.`,
    why: 'The test driver checks that a page it pinned counts as pinned.',
  },
  'log.gup_test.not-pinnable': {
    what: (p) => `The kernel warns: \`pages[${num(p, 'a')}] is NOT pinnable but pinned\`.`,
    why: 'The test driver checks that no page is pinned for long that must stay movable.',
  },
  'log.gup_test.failure': {
    what: (p) => `The kernel prints the page: \`page dumped because: gup_test failure\`, pfn ${pfnOf(p)}.`,
    why: 'With the page that failed the check everything known of it is printed.',
  },
  'log.gup_test.zeroing': {
    what: (p) =>
      `The kernel prints: \`ZEROING due to out of range: .which_pages[${num(p, 'a')}]: ${num(p, 'b')}\`.`,
    why: 'The program asked to see a page that the call did not get.',
  },
  'log.gup_test.dump-page': {
    what: (p) => `The kernel prints \`page #${num(p, 'a')}\`, pfn ${pfnOf(p)}.`,
    why: '`DUMP_USER_PAGES_TEST` prints the pages that the program named.',
  },
  'log.oom.killed': {
    what: (p) => `Out of memory: the kernel kills a process with ${count(num(p, 'b'), 'anonymous page')}.`,
    why: 'Nothing can be reclaimed. The process with the most memory dies; its device pages count, but go back to the driver.',
  },
  'log.other': { what: 'The kernel prints a message.', why: '' },
};
