// The kernel configuration in words: what each patch of the series and each switch is for, and what a run on such a
// kernel can be compared with.

import type {
  FollowPageReading,
  KernelConfig,
  KernelSwitch,
  LongtermCheck,
  LongtermPolicy,
  PatchNumber,
} from '../../core/uapi/config.ts';
import { ALL_PATCHES, DEFAULT_KERNEL, KERNEL_SWITCHES } from '../../core/uapi/config.ts';
import { type PatchRole, patchesText } from '../../core/uapi/patches.ts';
import { has, type Params, type Sentences, txt } from './phrases.ts';

/** What goes wrong without each patch, or that nothing does. */
export const withoutPatch: Readonly<Record<PatchNumber, string>> = {
  1: 'Nothing behaves differently. The question whether a page may stay pinned for long has its old names, `is_pinnable_page` and `folio_is_pinnable`, and everything here says them.',
  2: 'Nothing behaves differently. The patch only moved declarations from `mm.h` to `mmzone.h`, so that `memremap.h` can use them; without it patch 3 cannot be built.',
  3: 'There is no `MEMORY_DEVICE_COHERENT`. No driver can register memory of this kind, so opening a coherent device fails with `-ENOENT`.',
  4: '`madvise`, `mlock`, `move_pages`, KSM and NUMA balancing take a device page for an ordinary one, because nothing tells them that it is on no LRU list.',
  5: 'No driver can select its own coherent pages to bring them home. Patches 7 and 10 do so and cannot be built without it.',
  6: 'A long-term pin of a coherent page never succeeds: the page may not stay, and nothing can move it. The kernel would try for ever; the simulation stops after 16 passes.',
  7: '`amdgpu` registers the same memory as private, so each page that the CPU touches comes home by a fault. The scenarios run on the test driver, where nothing changes; the scene shows it with a private device.',
  8: 'The test driver has one ioctl to migrate, `HMM_DMIRROR_MIGRATE`, instead of `HMM_DMIRROR_MIGRATE_TO_DEV` and `HMM_DMIRROR_MIGRATE_TO_SYS`, and knows no type of a device: there is no coherent one.',
  9: 'The test driver has no parameters `spm_addr_dev0` and `spm_addr_dev1` that say where coherent memory lies: `/dev/hmm_dmirror2` and `/dev/hmm_dmirror3` do not exist, and the other two are private.',
  10: 'The kernel knows the coherent type, but the test driver registers no memory of it: opening a coherent device fails with `-ENOENT`.',
  11: '`hmm-tests` does not run its tests with coherent devices: the 29 coherent ones of the 58 selftests do not exist.',
  12: '`test_hmm.sh` cannot tell the module where coherent memory lies. Here the module is loaded without the script, so nothing changes.',
  13: 'The selftest `hmm_gup_test` does not exist.',
  14: 'The selftest `hmm_cow_in_device` does not exist.',
};

export const patchRoles: Readonly<Record<PatchRole, string>> = {
  names: 'names only',
  headers: 'declarations only',
  behaviour: 'changes behaviour',
  driver: 'driver',
  tests: 'tests',
};

/** What the kernel is without each switch. */
export const withoutSwitch: Readonly<Record<KernelSwitch, string>> = {
  CONFIG_MIGRATION:
    'Off: every page may stay pinned where it is. `is_longterm_pinnable_page` always says yes, and `check_and_migrate_movable_pages` moves nothing.',
  CONFIG_CMA:
    'Off: nobody asks whether a pageblock is CMA or isolated, so pages in it may stay pinned for long.',
  CONFIG_DEVICE_PRIVATE:
    'Off: memory that the CPU cannot reach cannot be registered; there are no private devices.',
  CONFIG_TRANSPARENT_HUGEPAGE:
    'Off: no fault is served with a huge page, and `MADV_HUGEPAGE` and `MADV_COLLAPSE` are refused with `-EINVAL`.',
};

/** Why a page may stay pinned for long or not, in the order in which the kernel asks. */
export const pinnableReasons = {
  cma: 'Its pageblock is CMA: it has to leave.',
  isolate: 'Its pageblock is isolated: it has to leave.',
  zero: 'It is the zero page: it may stay.',
  coherent: 'It is device-coherent: it comes home first.',
  movable: 'It lies in ZONE_MOVABLE: it has to leave.',
} as const;
export type PinnableReason = keyof typeof pinnableReasons;

export const followPageReadings: Readonly<Record<FollowPageReading, { label: string; text: string }>> = {
  'v6.1': {
    label: 'Linux 6.1',
    text: 'KSM and `move_pages` look a device page up, see what it is, and give the reference back.',
  },
  'v6.0': {
    label: 'Linux 6.0',
    text: 'As patch 4 was merged: they turn the device page away and forget to give the reference back. It leaks.',
  },
  FOLL_LRU: {
    label: 'FOLL_LRU',
    text: 'As earlier postings proposed: with this flag the lookup itself refuses the page. It was not merged.',
  },
};

/** How a long-term pin looks for pages that may not stay. */
export const longtermChecks: Readonly<Record<LongtermCheck, { label: string; text: string }>> = {
  'v6.1': {
    label: 'Linux 6.1',
    text: '`collect_longterm_unpinnable_pages` counts what may not stay; then every pin is dropped and `migrate_longterm_unpinnable_pages` moves it, device pages first. A device page that cannot move ends the call with `-EBUSY`.',
  },
  'v6.0': {
    label: 'Linux 6.0',
    text: 'As patch 6 was merged: one loop moves each coherent page as soon as it meets it, while the others stay pinned. Pages of system memory are moved at the end, and that outcome overwrites the error of a device page.',
  },
};

/** Configurations that Kconfig would not let anyone choose, though the simulation can run them. */
export const kconfigNotes = {
  migration:
    'Kconfig offers no such kernel: `CONFIG_TRANSPARENT_HUGEPAGE` and `CONFIG_CMA` select `CONFIG_MIGRATION`, and device memory depends on it. Here only the lines change that ask for it in a long-term pin.',
  driver:
    'Kconfig does not offer the test driver without `CONFIG_DEVICE_PRIVATE` and `CONFIG_TRANSPARENT_HUGEPAGE`. Here it stays, to show what the switch alone does.',
} as const;

/** `5`, `5 and 6`, `5, 6 and 7` */
export const listed = (numbers: readonly PatchNumber[]): string =>
  numbers.length < 2 ? numbers.join('') : `${numbers.slice(0, -1).join(', ')} and ${numbers.at(-1) ?? ''}`;

/** The set in a few words: `whole series`, `without patch 6`, `patches 1-5,7`. */
export const patchesWords = (patches: readonly PatchNumber[]): string => {
  const absent = ALL_PATCHES.filter((number) => !patches.includes(number));
  if (absent.length === 0) return 'whole series';
  if (patches.length === 0) return 'without the series';
  if (absent.length > 4) return `patches ${patchesText(patches)} only`;
  return `without ${absent.length === 1 ? 'patch' : 'patches'} ${listed(absent)}`;
};

/** What a long-term pin does with a coherent page: the kernel, and two worlds that never shipped. */
export const longtermPolicies: Readonly<
  Record<LongtermPolicy, { label: string; words: string; text: string }>
> = {
  on: {
    label: 'The kernel',
    words: 'long-term pins leave VRAM',
    text: 'The rule of the series: `is_longterm_pinnable_page` says no to a coherent page, so it comes home before it is pinned. The driver can take all of its VRAM back at any time.',
  },
  intent: {
    label: 'Intent',
    words: 'hypothetical: long-term pins stay in VRAM (as intended)',
    text: 'Hypothetical, it never shipped. GUP pins the page where it is, and VRAM that somebody uses is not given away. An eviction that meets it cannot end: TTM waits 15 seconds and gives up, for as long as the pin lasts.',
  },
  'as-coded': {
    label: 'As coded',
    words: 'hypothetical: long-term pins stay in VRAM (as coded)',
    text: 'Hypothetical, it never shipped, and nobody saw it: a reading of the driver’s code. A pinned page drops out before it is counted, so the driver signals its fence and TTM gives the VRAM away while the page is still mapped and pinned. Two owners write to one place.',
  },
};

/** A kernel in a few words: `without patch 6, CONFIG_CMA off`. */
export const kernelWords = (kernel: KernelConfig): string =>
  [
    // first what is least to be expected: a narrow window shows no more
    ...(kernel.longtermPolicy === 'on' ? [] : [longtermPolicies[kernel.longtermPolicy].words]),
    patchesWords(kernel.patches),
    ...KERNEL_SWITCHES.filter((name) => !kernel[name]).map((name) => `${name} off`),
    ...(kernel.followPage === DEFAULT_KERNEL.followPage ? [] : [`follow_page of ${kernel.followPage}`]),
    ...(kernel.longtermCheck === DEFAULT_KERNEL.longtermCheck
      ? []
      : [`long-term check of ${kernel.longtermCheck}`]),
  ].join(', ');

const configured = (p: Params): string =>
  [
    txt(p, 'patches') === 'all' ? 'all patches' : `\`patches=${txt(p, 'patches')}\``,
    ...(has(p, 'off') ? [`${txt(p, 'off').replaceAll(/\w+/g, '`$&`')} off`] : []),
    ...(txt(p, 'followPage') === DEFAULT_KERNEL.followPage
      ? []
      : [`\`follow_page\` of ${txt(p, 'followPage')}`]),
    ...(!has(p, 'longtermCheck') || txt(p, 'longtermCheck') === DEFAULT_KERNEL.longtermCheck
      ? []
      : [`long-term check of ${txt(p, 'longtermCheck')}`]),
    ...(!has(p, 'longtermPolicy') || txt(p, 'longtermPolicy') === DEFAULT_KERNEL.longtermPolicy
      ? []
      : [`long-term pins: ${txt(p, 'longtermPolicy')}`]),
  ].join(', ');

export const kernelSentences: Sentences = {
  'left-out.impossible': (p) =>
    `Not run: on this kernel the first of these steps is not possible (${txt(p, 'reason')}).`,
  'left-out.test-ended': 'Not run: a test ends at the first step of which an assertion does not hold.',
  'agreement.scene':
    'Nobody recorded a real kernel doing this: the scenario was made by hand, or was changed.',
  'agreement.machine': (p) =>
    `The recording was made on the recording guest. This run is on another machine (${txt(p, 'machine')}), of which nothing was recorded.`,
  'agreement.kernel': (p) =>
    `All recordings were made on Linux 6.1.192 with the whole series and all switches on. This run is on another kernel (${configured(p)}), of which nothing was recorded.`,
};

/** What is said of one of the kernel's own tests. */
interface Verdict {
  readonly test: string;
  readonly fixture: string;
  readonly variant: string;
  readonly ok: boolean;
  readonly held: number;
  readonly assertions: readonly {
    readonly step: number;
    readonly what: string;
    readonly expected: string;
    readonly found: string;
    readonly state: 'holds' | 'differs' | 'not-reached';
  }[];
  readonly missingPatches: readonly PatchNumber[];
  readonly absentPatch: PatchNumber | undefined;
}

const patchList = (patches: readonly PatchNumber[]): string =>
  `${patches.length === 1 ? 'patch' : 'patches'} ${listed(patches)}`;

/** As a person writes it. */
export const unquoted = (text: string): string => text.replaceAll(/^"|"$/g, '');

/** Which test it is, how it went, and what the series has to do with it. */
export const selftestVerdict = (verdict: Verdict): string[] => {
  const { test, fixture, variant, ok, held, assertions, missingPatches, absentPatch } = verdict;
  const total = assertions.length;
  const first = assertions.find(({ state }) => state === 'differs');
  return [
    `This is a test of the kernel’s own suite: \`${test}\` of \`hmm-tests.c\`, fixture \`${fixture}\`, with ${variant} devices. Its assertions are judged here on the simulated kernel; a page stands for its first word.`,
    ok
      ? `All ${total} assertions hold: the test passes.`
      : `${held} of ${total} assertions hold before the test ends.`,
    ...(first === undefined
      ? []
      : [
          `The first that does not: step ${first.step}, \`${first.what}\`, expected \`${unquoted(first.expected)}\`, found \`${unquoted(first.found)}\`.`,
        ]),
    ...(missingPatches.length === 0
      ? []
      : [
          `The driver has no coherent device without ${patchList(missingPatches)}. The kernel’s own harness would skip the test.`,
        ]),
    ...(absentPatch === undefined ? [] : [`Without patch ${absentPatch} \`hmm-tests\` has no such test.`]),
  ];
};
