// What a step does, how it ended, and why it matters.

import { gpuStepBegin, gpuStepEnd, gpuStepWhy } from './gpu/steps.ts';
import {
  cap,
  code,
  count,
  errno,
  flags,
  grouped,
  has,
  num,
  pages,
  type Params,
  stayedText,
  txt,
} from './phrases.ts';

type ByOp = Readonly<Record<string, (p: Params) => string>>;

const proc = (p: Params): string => `\`${txt(p, 'proc')}\``;
const range = (p: Params): string => `${code(p, 'range')}`;
const device = (p: Params): string => `device ${txt(p, 'device')}`;

const KINDS: Readonly<Record<string, string>> = {
  'anon-private': 'private anonymous memory',
  'anon-shared': 'shared anonymous memory',
  'file-private': 'a private file mapping',
  'file-shared': 'a shared file mapping',
  hugetlb: 'hugetlb memory',
  device: 'memory of a device, mapped by its driver',
};
const PROTS: Readonly<Record<string, string>> = { '': 'no access', r: 'read only', rw: 'read and write' };

const BEGIN: ByOp = {
  mmap: (p) =>
    `${proc(p)} maps ${code(p, 'vma')}: ${pages(p)} of ${KINDS[txt(p, 'kind')] ?? txt(p, 'kind')}, ${PROTS[txt(p, 'prot')] ?? txt(p, 'prot')}.`,
  munmap: (p) => `${proc(p)} unmaps ${range(p)}.`,
  mremap: (p) => `${proc(p)} moves ${code(p, 'vma')} to a new address, as ${code(p, 'to')}.`,
  mprotect: (p) =>
    `${proc(p)} changes the protection of ${range(p)}: ${PROTS[txt(p, 'prot')] ?? txt(p, 'prot')}.`,
  madvise: (p) => `${proc(p)} gives advice on ${range(p)}: \`MADV_${txt(p, 'advice')}\`.`,
  mlock: (p) => `${proc(p)} locks ${range(p)} in memory.`,
  munlock: (p) => `${proc(p)} lets go of the lock on ${range(p)}.`,
  read: (p) => `The CPU reads ${range(p)} for ${proc(p)}.`,
  write: (p) => `The CPU writes ${range(p)} for ${proc(p)}.`,
  fork: (p) => `${proc(p)} forks a child, ${code(p, 'child')}.`,
  exit: (p) => (has(p, 'signal') ? `${proc(p)} is killed by ${code(p, 'signal')}.` : `${proc(p)} exits.`),
  file_create: (p) => `${proc(p)} writes a file, ${code(p, 'file')}, of ${count(num(p, 'pages'), 'page')}.`,
  file_read: (p) => `${proc(p)} reads the file ${code(p, 'file')}.`,
  dev_open: (p) => `${proc(p)} opens ${device(p)}.`,
  dev_close: (p) => `${proc(p)} closes ${device(p)}.`,
  dev_evict: (p) => `The driver empties the memory of ${device(p)}.`,
  dev_check_exclusive: (p) => `Does ${device(p)} still have ${range(p)} for itself?`,
  gup_test: (p) => `${proc(p)} runs \`gup_test\` on ${range(p)}: ${code(p, 'cmd')}${flags(p)}.`,
  numa_scan: (p) => `NUMA balancing looks at who uses ${range(p)} of ${proc(p)}.`,
  ksm_scan: (p) => `KSM looks for equal pages in ${range(p)} of ${proc(p)}.`,
  mbind: (p) => `${proc(p)} binds ${range(p)} to node ${txt(p, 'node')}.`,
  move_pages: (p) =>
    has(p, 'node')
      ? `${proc(p)} asks for ${range(p)} to be moved to node ${txt(p, 'node')}.`
      : `${proc(p)} asks on which nodes ${range(p)} is.`,
  isolate: (p) =>
    has(p, 'undo')
      ? `The pageblocks of ${range(p)} are given back to the allocator.`
      : `The pageblocks of ${range(p)} are isolated, as if their memory should go offline.`,
  concurrent: (p) => `${num(p, 'count')} tasks run at once: ${txt(p, 'does')}.`,
  dev_read: (p) => `${cap(device(p))} reads ${range(p)} of ${proc(p)}.`,
  dev_write: (p) => `${cap(device(p))} writes ${range(p)} of ${proc(p)}.`,
  migrate_to_dev: (p) => `The driver migrates ${range(p)} to ${device(p)}.`,
  migrate_to_sys: (p) => `The driver migrates ${range(p)} from ${device(p)} to system memory.`,
  dev_exclusive: (p) => `${cap(device(p))} asks for exclusive access to ${range(p)}.`,
  snapshot: (p) => `The driver looks at how ${device(p)} would see ${range(p)}.`,
  gup: (p) => `${proc(p)} calls ${code(p, 'call')} on ${range(p)}${flags(p)}.`,
  unpin: (p) => `${proc(p)} gives the pins of ${code(p, 'handle')} back.`,
  put: (p) => `${proc(p)} gives the references of ${code(p, 'handle')} back.`,
  ...gpuStepBegin,
};

const BEGIN_WHY: ByOp = {
  mmap: () =>
    'A mapping is only a range of addresses with access rights, a VMA. Its pages come later, when somebody touches them.',
  munmap: () =>
    'The entries go, and each page loses the reference that its entry held. Who else holds one keeps the page.',
  mremap: () => 'The entries move to another place in the page tables; the pages stay where they are.',
  mprotect: () =>
    'Rights are changed in the VMA and in every present entry; devices drop their copies first.',
  madvise: (p) => ADVICE_WHY[txt(p, 'advice')] ?? 'The kernel may act on advice, or not.',
  mlock: () => '`mlock` keeps pages from being reclaimed. It does not pin: a locked page may still migrate.',
  munlock: () => 'The pages may be reclaimed again.',
  read: () =>
    'If the entry permits the access, no kernel code runs. Otherwise the CPU faults, and the kernel finds or makes a page.',
  write: () =>
    'If the entry permits the write, no kernel code runs, even if the page is on a coherent device. Otherwise the CPU faults, and the kernel steps in.',
  fork: () =>
    'Parent and child share pages read-only until one of them writes. A page that is probably pinned is copied at once.',
  exit: () =>
    'All entries of the process go. Pages on a device return to their driver when their last reference is dropped.',
  file_create: () => 'All pages of the file are in the page cache now, dirty.',
  file_read: () => 'A read copies from the page cache; nothing is mapped by it.',
  dev_open: () =>
    'From now on the device may have a page table for this process, and a notifier keeps it true.',
  dev_close: () =>
    'On closing, the test driver brings every page of the device back to system memory, for all processes.',
  dev_evict: () =>
    'Each page is migrated by its frame number, without an area. What somebody holds cannot leave.',
  dev_check_exclusive: () =>
    'A CPU access takes exclusive access away; the driver can only notice it afterwards.',
  gup_test: () =>
    'The kernel’s own test module takes references, looks at them, and gives them back before it returns.',
  numa_scan: () =>
    'Entries lose their access for a while; the next access faults and tells its node. Device pages are left out.',
  ksm_scan: () => 'Equal pages become one, mapped read-only. A device page is never merged.',
  mbind: () => 'Pages on other nodes move. A device page is passed over, and nothing says so.',
  move_pages: () =>
    'Each page is looked up by itself. A device page is on no LRU list, so for this call there is no page.',
  isolate: (p) =>
    has(p, 'undo')
      ? 'Their pages may be pinned for long again, where the zone permits it.'
      : 'Nothing is allocated from an isolated block any more, and no page in it may be pinned for long.',
  concurrent: (p) =>
    `A task goes on until it may sleep. Who is next comes from the seed, ${num(p, 'seed')}, so it can be repeated.`,
  dev_read: () =>
    'The device has a page table of its own. Where that has no entry, the driver asks `hmm_range_fault` for one.',
  dev_write: () =>
    'The device needs a writable entry in its own page table. Where it has none, `hmm_range_fault` makes one.',
  migrate_to_dev: () =>
    'The data moves closer to the device that works on it. Its addresses in the process stay the same.',
  migrate_to_sys: () =>
    'Only a driver, an eviction or a long-term pin brings a coherent page home. A CPU access does not.',
  dev_exclusive: () =>
    'For atomic operations the device must be alone: the CPU entry becomes a device-exclusive entry.',
  snapshot: () => '`hmm_range_fault` without faulting: it reports what is there and changes nothing.',
  gup: (p) => gupWhy(p),
  unpin: () =>
    'For each pin that is given back, the reference count of a single page falls by `GUP_PIN_COUNTING_BIAS`, 1\u202f024.',
  put: () =>
    'For each reference that is given back, the count falls by one. A page without references is freed.',
  ...gpuStepWhy,
};

const ADVICE_WHY: Readonly<Record<string, string>> = {
  DONTNEED: 'The entries go as with `munmap`, but the area stays. The next touch finds nothing there.',
  HUGEPAGE: 'The first write to an aligned 2 MiB of the area may get a huge page.',
  NOHUGEPAGE: 'The area gets no huge pages.',
  DONTFORK: 'A child will not get this area.',
  DOFORK: 'A child will get this area again.',
  WIPEONFORK: 'A child gets this area empty.',
  KEEPONFORK: 'A child gets the pages of this area again.',
  POPULATE_READ: 'Every page is made readable now, so that no access will fault.',
  MERGEABLE: 'KSM may merge equal pages of this area.',
  UNMERGEABLE: 'The area gets copies of its own again.',
  POPULATE_WRITE: 'Every page is made writable now. A page on a device stays there.',
  COLD: 'Pages on the LRU lists become the first to be reclaimed. Device pages are on no such list.',
  FREE: 'The pages may be thrown away when memory is short, unless they are written before.',
  PAGEOUT: 'Pages on the LRU lists are to be reclaimed now. Device pages are on no such list.',
  COLLAPSE: 'Small pages are to be joined to a huge page. One device page among them is enough to refuse.',
};

const gupWhy = (p: Params): string => {
  if (txt(p, 'flags').includes('FOLL_LONGTERM')) {
    return 'A long-term pin may never end. So it must not hold a page that has to stay movable.';
  }
  return txt(p, 'call').startsWith('pin')
    ? 'A short pin: the page stays where it is, also on a device, until it is unpinned soon.'
    : 'A plain reference keeps the page from being freed. It says nothing of its contents being used.';
};

const END: ByOp = {
  gup: (p) => `The call returns ${grouped(num(p, 'ret'))}: ${code(p, 'as')} holds ${pages(p, 'ret')}.`,
  read: (p) => `${count(num(p, 'ret'), 'page')} read.`,
  write: (p) => `${count(num(p, 'ret'), 'page')} written.`,
  snapshot: (p) => `The device would see: ${code(p, 'perms')}.`,
  dev_read: (p) => `The device has read ${pages(p, 'cpages')}, after ${faultRounds(p)}.`,
  dev_write: (p) => `The device has written ${pages(p, 'cpages')}, after ${faultRounds(p)}.`,
  migrate_to_dev: (p) =>
    `The driver is done and has read back ${pages(p, 'cpages')} through the device’s page table.`,
  migrate_to_sys: (p) => `The driver is done: ${pages(p, 'cpages')} came home.`,
  dev_exclusive: (p) => `The device has ${pages(p, 'cpages')} to itself.`,
  mmap: (p) => `${code(p, 'vma')} is mapped; no page is there yet.`,
  fork: (p) => `${code(p, 'child')} lives, with the same areas.`,
  exit: (p) => `${proc(p)} is gone.`,
  gup_test: (p) => `\`gup_test\` got ${pages(p, 'got')} and has given them back.`,
  dev_check_exclusive: () => 'The device has no page of the range for itself any more.',
  concurrent: (p) =>
    has(p, 'someFailed') ? 'All tasks are done; not all of them succeeded.' : 'All tasks are done.',
  unpin: (p) => `${code(p, 'handle')} holds nothing any more.`,
  put: (p) => `${code(p, 'handle')} holds nothing any more.`,
  munmap: (p) => `${cap(range(p))} is not mapped any more.`,
  mremap: (p) => `What was ${code(p, 'vma')} is ${code(p, 'to')} now, at its new address.`,
  mprotect: (p) => `${cap(range(p))} permits from now on: ${PROTS[txt(p, 'prot')] ?? txt(p, 'prot')}.`,
  madvise: (p) => `The advice on ${range(p)} is taken: \`MADV_${txt(p, 'advice')}\`.`,
  mlock: (p) => `${cap(range(p))} is locked in memory.`,
  munlock: (p) => `${cap(range(p))} is not locked any more.`,
  file_create: (p) => `The file ${code(p, 'file')} is written: ${pages(p, 'pages')}.`,
  file_read: (p) => `The file ${code(p, 'file')} has been read.`,
  dev_open: (p) => `${proc(p)} has ${device(p)} open.`,
  dev_close: (p) => `${proc(p)} has closed ${device(p)}.`,
  dev_evict: (p) => `The driver has been through the memory of ${device(p)}.`,
  numa_scan: (p) => `NUMA balancing has been through ${range(p)}.`,
  ksm_scan: (p) => `KSM has been through ${range(p)}.`,
  mbind: (p) => `${cap(range(p))} is bound to node ${txt(p, 'node')}.`,
  move_pages: (p) => `Each page of ${range(p)} has an answer of its own: its node, or an error.`,
  isolate: (p) =>
    has(p, 'undo')
      ? `Pages may be allocated from the pageblocks of ${range(p)} again.`
      : `The pageblocks of ${range(p)} are isolated.`,
  ...gpuStepEnd,
};

const faultRounds = (p: Params): string =>
  num(p, 'faults') === 0 ? 'no fault' : count(num(p, 'faults'), 'round of faults', 'rounds of faults');

const END_WHY: ByOp = {
  gup: (p) =>
    txt(p, 'flags').includes('FOLL_LONGTERM')
      ? 'Every page lies where it may stay: a device can use its physical address for as long as it likes.'
      : `The pages stay where they are${inVram(p)} until the references are given back.`,
  read: (p) => accessWhy(p),
  write: (p) => accessWhy(p),
  snapshot: () => '`w` may write, `r` may read; local is on this device, remote on another one.',
  migrate_to_dev: () =>
    'The read-back is the test driver’s own check that each page now has an entry in the device’s page table.',
  migrate_to_sys: () =>
    'The device pages went back to the driver’s free list; the last one freed is the first one reused.',
};

/** Of pages that are held where they lie. */
const inVram = (p: Params): string => {
  const [all, there] = [num(p, 'ret'), num(p, 'onDevice')];
  if (!(there > 0)) return '';
  return there >= all ? ', in VRAM,' : `, ${there} of them in VRAM,`;
};

const accessWhy = (p: Params): string => {
  const [reached, faults] = [num(p, 'ret'), num(p, 'pgfault')];
  if (reached <= 0) return 'Nothing was reached.';
  if (faults === 0) return 'No fault: each entry permitted the access, so no kernel code ran.';
  const first = `${cap(count(faults, 'fault'))} came first: the CPU found no entry that permits the access, and the kernel had to see to it.`;
  return reached > faults
    ? `${first} Elsewhere the entry permitted the access, and no kernel code ran.`
    : first;
};

/** By operation and errno, where an errno means something else than in most calls. */
const ERRNO_WHY_OF: Readonly<Record<string, string>> = {
  'gup EBUSY':
    'Somebody else holds one of the pages, so it cannot be moved, and where it lies it may not be pinned.',
  'gup ENOMEM':
    'A page could not be moved or no memory was left. After a failed migration the kernel reports this, too.',
  'gup EAGAIN':
    'A page may not stay where it is, and nothing moves it. The kernel would try for ever; the simulation stops after 16 passes.',
  'gup EOPNOTSUPP':
    'Pages of a file in persistent memory (fsdax) may not be pinned for long: the file could not give up their blocks as long as the pin holds.',
  'dev_exclusive EBUSY':
    'The device did not get every page of the range for writing. Those before the obstacle may be exclusive already.',
  'dev_open ENOENT': 'This kernel has no such device.',
  'migrate_to_dev ENOENT':
    'A page had no entry in the device’s page table at the read-back. Others of the range may have moved.',
  'migrate_to_dev EINVAL':
    'The range has a hole or an area whose pages do not migrate. The parts before it may have moved.',
  'migrate_to_sys EINVAL':
    'The range has a hole or an area whose pages do not migrate. The parts before it may have moved.',
  'mprotect ENOMEM': 'A part of the range is not mapped. What lies before the hole has been changed.',
  'mlock ENOMEM':
    'A part of the range is not mapped, or may not be read, so not all of it could be brought in.',
  'munlock ENOMEM': 'A part of the range is not mapped. What lies before the hole has been unlocked.',
  'madvise ENOMEM': 'A part of the range is not mapped. All parts that are have been done.',
  'madvise EINVAL':
    'The advice does not fit an area of the range, such as one that is locked, or pages that cannot be joined. The parts before it have been done.',
  'mremap EFAULT': 'The range is more than one area; a call moves a single one. Nothing has moved.',
  'mmap ENOENT': 'There is no file to map: in this kernel memory of this type is not mapped by processes.',
  'mmap EINVAL': 'The file cannot be mapped like that: memory of this type goes in whole pages of 2 MiB.',
  'probe ENXIO': 'The range is ordinary memory, which cannot be registered for a device.',
  'probe ERANGE':
    'There is more VRAM than addresses: no hole between the machine’s own memory and the top is large enough. Give `probe` fewer `pages`.',
  'svm_attr EINVAL': 'One of the attributes cannot be met; the moment before says which, and why.',
  'svm_get_attr EINVAL': 'One of the attributes cannot be asked for like that.',
};

const ERRNO_WHY: Readonly<Record<string, string>> = {
  EBUSY: 'Somebody else holds a page, or does something with it.',
  EFAULT: 'An address of the range is not mapped, or does not permit what was asked.',
  ENOMEM: 'No room was left, and none could be made.',
  ENOENT: 'What was asked for does not exist.',
  EINVAL: 'The request itself is wrong for this area or these flags.',
  EPERM: 'The area does not permit the access that the device asked for.',
  EAGAIN: 'It cannot be done at this moment; whoever asked may try again.',
  ERANGE: 'There is no hole in the physical addresses that is large enough.',
  EACCES: 'The range does not permit this GPU to reach it.',
  EDEADLK: 'The range could not leave the GPU where it is, so it cannot go to another one.',
};

const reasonOf = (op: string, name: string): string =>
  ERRNO_WHY_OF[`${op} ${name}`] ??
  (op === 'probe' ? 'A check of the registration refused it; the kernel log says which.' : undefined) ??
  ERRNO_WHY[name] ??
  'The kernel refused.';

/** What kept pages where they were comes before what the errno means. */
const errnoWhy = (p: Params): string =>
  `${has(p, 'stayed') ? `${stayedText(p, 'stayed')}. ` : ''}${reasonOf(txt(p, 'op'), txt(p, 'errno'))}`;

/** Operations that have words for their beginning, for the reason and for their end; a test compares them with the vocabulary. */
export const operationsWithWords: readonly string[] = Object.keys(BEGIN).filter(
  (op) => BEGIN_WHY[op] !== undefined && END[op] !== undefined,
);

export const stepBegin = (p: Params): string => BEGIN[txt(p, 'op')]?.(p) ?? `Step ${txt(p, 'step')} begins.`;
export const stepBeginWhy = (p: Params): string => BEGIN_WHY[txt(p, 'op')]?.(p) ?? '';

/** Whether somebody waits for ever; else Linux would go on with what is not true. */
const isWait = (defect: string): boolean =>
  ['svm.fence-under-mutex', 'svm.page-left-behind', 'svm.own-fault-skipped'].includes(defect);

export const stepEnd = (p: Params): string => {
  const name = txt(p, 'op') === 'gup' ? code(p, 'call') : code(p, 'op');
  if (has(p, 'signal'))
    return `${proc(p)} gets \`${txt(p, 'signal')}\` at page ${num(p, 'at')} of the range.`;
  if (has(p, 'errno')) return `${name} fails with ${errno(p)}.`;
  if (has(p, 'standstill'))
    return isWait(txt(p, 'standstill'))
      ? 'The step does not end. Linux 6.1 would stand here, too.'
      : 'The step does not end. Linux 6.1 itself goes wrong here.';
  return END[txt(p, 'op')]?.(p) ?? `Step ${txt(p, 'step')}, ${name}, is done.`;
};

export const stepEndWhy = (p: Params): string => {
  if (has(p, 'signal') && txt(p, 'op') !== 'exit')
    return 'The address is not mapped, or its area does not permit the access.';
  if (has(p, 'errno')) return errnoWhy(p);
  if (has(p, 'standstill'))
    return `${isWait(txt(p, 'standstill')) ? 'Each task stands where it waits' : 'The simulation stops in the call that goes wrong; the thread stays there'}, and keeps what it holds: see the call stack, the call tree and the log. Nothing can follow; open another scenario, or go back in time.`;
  return END_WHY[txt(p, 'op')]?.(p) ?? BEGIN_WHY[txt(p, 'op')]?.(p) ?? '';
};
