// What a run can be compared with, and what the question is that one asks by it.

export interface ContrastWords {
  readonly label: string;
  /** What the patch is about. */
  readonly subject?: string;
  /** What to look for. */
  readonly about: string;
}

/** By the contrast's name. */
export const contrasts: Readonly<Record<string, ContrastWords>> = {
  'without-series': {
    label: 'without the series',
    about:
      'No MEMORY_DEVICE_COHERENT at all: the device cannot be opened, and everything about ordinary memory is the same.',
  },
  'without-patch-3': {
    label: 'without patch 3',
    subject: 'the memory type',
    about: 'The type itself is missing: no driver can register coherent memory.',
  },
  'without-patch-4': {
    label: 'without patch 4',
    subject: 'pages on no LRU list',
    about: 'Who looks for pages on LRU lists takes a device page for an ordinary one.',
  },
  'without-patch-5': {
    label: 'without patch 5',
    subject: 'a driver selects its pages',
    about: 'No driver can select its own coherent pages.',
  },
  'without-patch-6': {
    label: 'without patch 6',
    subject: 'long-term pins migrate',
    about:
      'Nothing moves a coherent page for a long-term pin: it may not stay, and the kernel tries again without end. Here it is stopped after 16 passes, with EAGAIN.',
  },
  'without-patch-7': {
    label: 'without patch 7',
    subject: 'amdgpu uses the type',
    about: 'amdgpu registers the memory as private.',
  },
  'without-patch-10': {
    label: 'without patch 10',
    subject: 'the test driver uses the type',
    about: 'The test driver has no coherent device.',
  },
  'without-CONFIG_MIGRATION': {
    label: 'CONFIG_MIGRATION off',
    about: 'Every page may stay where it is, so long-term pins move nothing.',
  },
  'without-CONFIG_CMA': {
    label: 'CONFIG_CMA off',
    about: 'Nobody asks whether a pageblock is CMA or isolated.',
  },
  'without-CONFIG_DEVICE_PRIVATE': {
    label: 'CONFIG_DEVICE_PRIVATE off',
    about: 'There are no private devices.',
  },
  'without-CONFIG_TRANSPARENT_HUGEPAGE': {
    label: 'CONFIG_TRANSPARENT_HUGEPAGE off',
    about: 'No fault is served with a huge page.',
  },
  'linux-6.0': {
    label: 'Linux 6.0',
    about:
      'As the series was merged: a long-term pin moves each coherent page as soon as its one loop meets it, while the others stay pinned; what becomes of pages of system memory overwrites an error of a device page; and KSM and move_pages forget to give a reference back.',
  },
  'follow-page-v6.0': {
    label: 'follow_page as in 6.0',
    about: 'A device page that KSM or move_pages turns away keeps a reference that nobody gives back.',
  },
  'private-devices': {
    label: 'private devices instead',
    about: 'The CPU cannot reach the memory: each touch is a fault that brings the page home.',
  },
  'coherent-devices': {
    label: 'coherent devices instead',
    about: 'The CPU reaches the memory where it is: only a long-term pin brings a page home.',
  },
  'other-gpu': {
    label: 'on the other GPU preset',
    about: 'The same driver code with other sizes, another link and another order of eviction.',
  },
  policies: {
    label: 'long-term pins: the kernel, intent, as coded',
    about:
      'Three worlds in step: the kernel, in which a pinned page comes home first, and two that never shipped, in which it stays in VRAM.',
  },
  'policy-on': {
    label: 'long-term pins as in the kernel',
    about: 'The rule of the series: a coherent page comes home before it is pinned for long.',
  },
  'policy-intent': {
    label: 'hypothetical: pins stay, intent',
    about:
      'Never shipped. A long-term pin leaves its page in VRAM, and an eviction that meets it cannot end.',
  },
  'policy-as-coded': {
    label: 'hypothetical: pins stay, as coded',
    about:
      'Never shipped. A long-term pin leaves its page in VRAM, and the code of 6.1 would give that VRAM away all the same.',
  },
  'whole-series': { label: 'the whole series', about: 'The kernel as it was merged.' },
};
