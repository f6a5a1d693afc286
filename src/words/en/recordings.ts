// Plain titles of the recordings. Their own, in the words of who made them, stand below as a second line.

/** By the name of the recording, without its `coherent-` or `private-`. `@`: the kind of device. */
const BOTH: Readonly<Record<string, string>> = {
  'anon-shared': 'Shared memory stays off a @ device',
  cow: 'Copy on write of pages on a @ device',
  'cpu-read': 'The CPU reads pages on a @ device',
  'cpu-write': 'The CPU writes to pages on a @ device',
  'dev-access': 'A @ device reaches memory by faults of its own',
  dontneed: 'A process gives up pages on a @ device',
  exclusive: 'A @ device asks to be the only one to touch pages',
  exit: 'A process ends with pages on a @ device',
  'file-private': 'A private file mapping meets a @ device',
  'get-blocks-migration': 'One extra reference keeps a page on a @ device',
  'longterm-pin': 'A long-term pin of @ pages, without the fast path',
  'longterm-pin-fast': 'A long-term pin brings @ pages home',
  mlock: 'Locked memory moves to a @ device all the same',
  mprotect: 'Write protection of pages on a @ device',
  'munmap-partial': 'Part of an area on a @ device is unmapped',
  'pin-short': 'A short pin of pages on a @ device',
  roundtrip: 'To a @ device and back',
  thp: 'A huge page goes to a @ device',
  'two-devices': 'Pages and two @ devices',
};

const SINGLE: Readonly<Record<string, string>> = {
  'cma-longterm-pin': 'A long-term pin moves pages out of CMA',
  'coherent-collapse': 'Making a huge page of small ones, some of them on a device',
  'coherent-exhaustion': 'More pages than the device has',
  'coherent-lru-advice': 'Advice to reclaim pages, in system memory and on a device',
  'coherent-remote-access': 'A device reaches into the memory of another',
  'coherent-thp-partial-pin': 'A long-term pin across a huge page that is in two places',
  'coherent-unpopulated': 'Pages that nobody has written yet go to a device',
  'dontneed-pinned': 'A process gives up pages that are pinned',
  'first-touch': 'The first read and the first write of a page',
  'fork-pinned-system': 'fork copies pinned pages at once',
  'hugetlb-longterm-pin': 'A long-term pin of a hugetlb page',
  'mixed-kinds': 'One area on two kinds of device',
  'movable-file-pin': 'A long-term pin of a file’s pages in ZONE_MOVABLE',
  'movable-longterm-pin': 'A long-term pin moves pages out of ZONE_MOVABLE',
  'movable-thp-pin': 'A long-term pin of a huge page in ZONE_MOVABLE',
  'pin-blocks-to-dev': 'Pinned pages do not go to a device',
  'pin-file-private': 'Long-term pins of a file that is mapped privately',
  'pin-mixed-busy': 'One busy page lets a whole long-term pin fail',
  'pin-mixed-run': 'A long-term pin across system memory and three devices',
  'pin-same-page-twice': 'The same page pinned twice, for short and for long',
  'pin-zero-page': 'Pins of the zero page',
  'private-remote-read': 'A private device wants a page of another',
  'thp-basic': 'A huge page is made, and split',
  'thp-fork': 'fork, copy on write and migration of a huge page',
  'thp-longterm-pin': 'A long-term pin of part of a huge page',
};

const capitalised = (title: string): string => title.charAt(0).toUpperCase() + title.slice(1);

const CALLS = /^(?:fork|madvise|mlock|mmap|mprotect|mremap|munlock|munmap)\b/;

/** A kernel function or a system call at the beginning keeps its spelling. */
const asTitle = (title: string): string =>
  /^[a-z]+[_(]/.test(title) || CALLS.test(title) ? title : capitalised(title);

const plainTitle = (name: string): string | undefined => {
  const single = SINGLE[name];
  if (single !== undefined) return single;
  const [, kind, rest] = /^(coherent|private)-(.+)$/.exec(name) ?? [];
  return kind === undefined || rest === undefined ? undefined : BOTH[rest]?.replace('@', kind);
};

/** What a scenario is called on screen; its own title where there is none in plainer words. */
export const scenarioTitle = (name: string, title: string): string => plainTitle(name) ?? asTitle(title);
